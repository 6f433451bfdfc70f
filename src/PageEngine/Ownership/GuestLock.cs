using System.Collections.Concurrent;
using System.Globalization;
using System.Text;

namespace PageEngine.Ownership;

// Owns: the right to migrate one guest away from this host. The kernel gives the lock back when the process dies, so
// there is no stale one.

/// <summary>Held by the source for the whole of a migration; a second migration of the same guest is refused.</summary>
internal sealed class GuestLock : IDisposable
{
    /// <summary>How the names of the files end.</summary>
    internal const string Extension = ".lock";

    private static readonly ConcurrentDictionary<Guid, byte> _thisProcess = new();
    private static readonly TimeSpan _moment = TimeSpan.FromMilliseconds(20);
    private readonly Guid _guestId;
    private readonly LockedFile? _file;
    private int _released;

    private GuestLock(Guid guestId, LockedFile? file)
    {
        _guestId = guestId;
        _file = file;
    }

    /// <summary>Takes the lock, or says who has it.</summary>
    /// <param name="directory">This host's journal directory; created when missing. Null: only this process is guarded.</param>
    /// <param name="guestId">The guest.</param>
    /// <exception cref="MigrationException"><see cref="MigrationErrorKind.AlreadyMigrating"/>.</exception>
    public static GuestLock Acquire(string? directory, Guid guestId)
    {
        if (directory is not null)
        {
            string path = Path.Combine(directory, $"{guestId:N}{Extension}");
            try
            {
                Directory.CreateDirectory(directory);
                LockedFile file = LockedFile.TryOpen(path, create: true) ?? TryOnceMore(path) ?? throw Taken(guestId, ReadOwner(path));

                // Of fixed length, so that it covers what a process that died left there.
                file.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId,-10}")), 0);
                return new GuestLock(guestId, file);
            }
            catch (FileCallException e)
            {
                throw new MigrationException(MigrationErrorKind.OwnershipFailed, $"The lock of guest {guestId} cannot be taken. {e.Message} {e.Remedy}", e);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new MigrationException(
                    MigrationErrorKind.OwnershipFailed,
                    $"The lock of guest {guestId} cannot be taken: {e.Message} Name a journal directory that this process may write.",
                    e);
            }
        }

        return _thisProcess.TryAdd(guestId, 0) ? new GuestLock(guestId, null) : throw Taken(guestId, "this process");
    }

    // Whoever removes what dead processes left has it for a moment.
    private static LockedFile? TryOnceMore(string path)
    {
        LockedFile? file = null;
        SpinWait.SpinUntil(() => (file = LockedFile.TryOpen(path, create: true)) is not null, _moment);
        return file;
    }

    /// <summary>Gives the lock back.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _released, 1) != 0)
        {
            return;
        }

        if (_file is null)
        {
            _thisProcess.TryRemove(_guestId, out _);
        }
        else
        {
            _file.RemoveAndDispose();
        }
    }

    private static string ReadOwner(string path)
    {
        try
        {
            return $"process {Encoding.ASCII.GetString(RawFile.Read(path, 16)).Trim()}";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "another process";
        }
    }

    private static MigrationException Taken(Guid guestId, string owner) => new(
        MigrationErrorKind.AlreadyMigrating,
        $"Guest {guestId} is already being migrated by {owner}. Wait for that migration to end, or cancel it.");
}
