using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using PageEngine.Cli.Interop;
using PageEngine.Guests;
using PageEngine.Recovery;
using PageEngine.Reporting;

namespace PageEngine.Cli.History;

// Owns: the directory of guests whose migration ended in doubt: STATE/held/ID.ROLE. A guest is there whole or not at all:
// it is written under another name and renamed once it is durable, and taken out by a rename before it runs.

/// <summary>Keeps paused guests beyond their process.</summary>
internal sealed class HeldGuests(string directory)
{
    private const string Unfinished = ".unfinished";
    private const string Gone = ".gone";

    /// <summary>Saves a paused guest.</summary>
    /// <returns>Where it is.</returns>
    /// <exception cref="MigrationException">It cannot be saved; what was written is removed again.</exception>
    public async Task<string> SaveAsync(ulong migrationId, string role, IGuest guest, CancellationToken cancellationToken)
    {
        string path = PathOf(migrationId, role);
        string temporary = path + Unfinished;
        try
        {
            Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            Remove(temporary);
            Directory.CreateDirectory(temporary);
            await HeldGuestFile.WriteAsync(temporary, migrationId, role, guest, cancellationToken);
            Sync(temporary);
            Directory.Move(temporary, path);
            Sync(directory);
            return path;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or OperationCanceledException)
        {
            TryRemove(temporary);
            throw new MigrationException(
                MigrationErrorKind.MemoryFailed, $"The held guest cannot be saved in {path}: {exception.Message}", exception);
        }
    }

    /// <summary>Tells whether a side of a migration has a guest here.</summary>
    public bool Has(ulong migrationId, string role) => Directory.Exists(PathOf(migrationId, role));

    /// <summary>Finds the copy of an attempt.</summary>
    public HeldCopy? Find(OpenAttempt attempt)
    {
        string path = PathOf(attempt.MigrationId, RoleOf(attempt));
        return Directory.Exists(path) ? new Copy(this, path, attempt.GuestId) : null;
    }

    /// <summary>Gets the word for a side.</summary>
    public static string RoleOf(OpenAttempt attempt) => attempt.Role == MigrationRole.Destination ? "destination" : "source";

    /// <summary>Removes what processes left that died while they saved or took out a guest.</summary>
    public void RemoveLeftovers(Func<string, bool> isAlive)
    {
        if (!Directory.Exists(directory))
        {
            return;
        }

        foreach (string path in Directory.GetDirectories(directory))
        {
            bool unfinished = path.EndsWith(Unfinished, StringComparison.Ordinal);
            if (path.EndsWith(Gone, StringComparison.Ordinal) || (unfinished && !isAlive(Path.GetFileNameWithoutExtension(path))))
            {
                TryRemove(path);
            }
        }
    }

    private string PathOf(ulong migrationId, string role) =>
        Path.Combine(directory, $"{migrationId.ToString(CultureInfo.InvariantCulture)}.{role}");

    private void TakeOut(string path)
    {
        string gone = path + Gone;
        try
        {
            Remove(gone);
            if (Directory.Exists(path))
            {
                Directory.Move(path, gone);
            }

            Sync(directory);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new MigrationException(
                MigrationErrorKind.MemoryFailed, $"The held guest in {path} cannot be taken out, and is not started while it could be found again: {exception.Message}", exception);
        }

        TryRemove(gone);
    }

    private static void Remove(string path)
    {
        if (Directory.Exists(path))
        {
            Directory.Delete(path, recursive: true);
        }
    }

    private static void TryRemove(string path)
    {
        try
        {
            Remove(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Its name says that it means nothing; the next start tries again.
        }
    }

    private static void Sync(string path)
    {
        using SafeFileHandle handle = Libc.open(path, Libc.O_RDONLY | Libc.O_CLOEXEC, 0);
        if (handle.IsInvalid || Libc.fsync(handle) != 0)
        {
            throw new IOException($"{path} cannot be made durable: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    private sealed class Copy(HeldGuests guests, string path, Guid guestId) : HeldCopy
    {
        public override async ValueTask<IGuest> OpenAsync(CancellationToken cancellationToken)
        {
            HeldGuestHeader header = HeldGuestFile.ReadHeader(path);
            return header.GuestId == guestId
                ? await HeldGuestFile.ReadAsync(path, cancellationToken)
                : throw new MigrationException(MigrationErrorKind.DataDamaged, $"The held guest in {path} is guest {header.GuestId}, not {guestId}. It is not started.");
        }

        public override ValueTask ForgetAsync(CancellationToken cancellationToken)
        {
            guests.TakeOut(path);
            return ValueTask.CompletedTask;
        }
    }
}
