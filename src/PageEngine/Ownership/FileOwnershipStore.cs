using System.Collections.Concurrent;

namespace PageEngine.Ownership;

// Owns: the public face of the file store: arguments, one lock a guest, and errors that say what to do. What the
// files mean is EpochFiles' business. Two guests never wait for each other here.

/// <summary>
/// The embedded ownership store: a directory on storage that both hosts share. Epoch N of a guest is the write-once
/// file <c>GUEST.N</c>, which appears whole by <c>link(2)</c>; no lock and no clock takes part. Several guests may
/// share a directory, and any number of processes may use it at once. Epoch files are never renamed, overwritten or
/// deleted: whoever deletes one while its guest exists takes the guarantee away.
/// </summary>
/// <remarks>Calls block on the storage and complete before they return. A create costs two fsyncs, one when it was
/// staged; so does a mark.</remarks>
public sealed class FileOwnershipStore : IOwnershipStore, IDisposable
{
    private readonly IOwnershipFiles _files;
    private readonly ConcurrentDictionary<Guid, EpochFiles> _guests = new();

    internal FileOwnershipStore(IOwnershipFiles files) => _files = files;

    /// <inheritdoc/>
    public string Description => _files.Path;

    /// <summary>Opens the store in a directory that exists, and proves that it can do what the protocol needs.</summary>
    /// <exception cref="MigrationException"><see cref="MigrationErrorKind.OwnershipFailed"/>: there is no such directory,
    /// it cannot be written, or its file system has no hard links.</exception>
    public static FileOwnershipStore Open(string directory)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        OwnershipDirectory? files = null;
        try
        {
            files = OwnershipDirectory.Open(directory);
            StoreProbe.Run(files);
            return new FileOwnershipStore(files);
        }
        catch (FileCallException e)
        {
            files?.Dispose();
            string remedy = e.ErrorNumber == Interop.FileSystemCalls.ENOENT
                ? "Create the directory, on storage that both hosts share, and name the same one on both."
                : e.Remedy;
            throw new MigrationException(MigrationErrorKind.OwnershipFailed, $"The ownership store {directory} cannot be used. {e.Message} {remedy}", e);
        }
        catch (MigrationException)
        {
            files?.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask<OwnershipRecord?> ReadAsync(Guid guestId, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        EpochFiles guest = Guest(guestId);
        try
        {
            lock (guest)
            {
                return new(guest.ReadHighest());
            }
        }
        catch (FileCallException e)
        {
            throw Failed("cannot be read", e);
        }
    }

    /// <inheritdoc/>
    public ValueTask<CreateOutcome> CreateAsync(OwnershipRecord record, CancellationToken cancellationToken)
    {
        Check(record);
        cancellationToken.ThrowIfCancellationRequested();
        EpochFiles guest = Guest(record.GuestId);
        try
        {
            lock (guest)
            {
                return new(guest.Create(record));
            }
        }
        catch (FileCallException e)
        {
            throw Failed($"did not create epoch {record.Epoch} of guest {record.GuestId}", e);
        }
    }

    /// <inheritdoc/>
    public ValueTask MarkAsync(Guid guestId, ulong epoch, OwnershipMark mark, CancellationToken cancellationToken)
    {
        if (mark is not (OwnershipMark.Resuming or OwnershipMark.Running))
        {
            throw new ArgumentOutOfRangeException(nameof(mark), mark, "Only 'resuming' and 'running' can be marked.");
        }

        cancellationToken.ThrowIfCancellationRequested();
        EpochFiles guest = Guest(guestId);
        try
        {
            lock (guest)
            {
                guest.Mark(epoch, mark);
                return ValueTask.CompletedTask;
            }
        }
        catch (FileCallException e)
        {
            throw Failed($"may not have kept the mark '{mark}' of epoch {epoch} of guest {guestId}", e);
        }
    }

    /// <inheritdoc/>
    public ValueTask<OwnershipMark> ReadMarkAsync(Guid guestId, ulong epoch, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        EpochFiles guest = Guest(guestId);
        try
        {
            lock (guest)
            {
                return new(guest.ReadMark(epoch));
            }
        }
        catch (FileCallException e)
        {
            throw Failed("cannot be read", e);
        }
    }

    /// <inheritdoc/>
    public ValueTask WriteNonceAsync(Guid guestId, AttemptId attempt, string side, Guid nonce, CancellationToken cancellationToken)
    {
        CheckSide(side);
        cancellationToken.ThrowIfCancellationRequested();
        EpochFiles guest = Guest(guestId);
        try
        {
            lock (guest)
            {
                guest.WriteNonce(attempt, side, nonce);
                return ValueTask.CompletedTask;
            }
        }
        catch (FileCallException e)
        {
            throw Failed("did not take the nonce of this attempt", e);
        }
    }

    /// <inheritdoc/>
    public ValueTask<Guid?> ReadNonceAsync(Guid guestId, AttemptId attempt, string side, CancellationToken cancellationToken)
    {
        CheckSide(side);
        cancellationToken.ThrowIfCancellationRequested();
        EpochFiles guest = Guest(guestId);
        try
        {
            lock (guest)
            {
                return new(guest.ReadNonce(attempt, side));
            }
        }
        catch (FileCallException e)
        {
            throw Failed("cannot be read", e);
        }
    }

    /// <inheritdoc/>
    public ValueTask ForgetAttemptAsync(Guid guestId, AttemptId attempt, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        EpochFiles guest = Guest(guestId);
        try
        {
            lock (guest)
            {
                guest.Forget(attempt);
                return ValueTask.CompletedTask;
            }
        }
        catch (FileCallException e)
        {
            throw Failed($"still holds temporary files of attempt {attempt}, which are harmless", e);
        }
    }

    /// <inheritdoc/>
    public ValueTask RemoveGuestAsync(Guid guestId, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        EpochFiles guest = Guest(guestId);
        try
        {
            lock (guest)
            {
                guest.RemoveAll();
            }

            _guests.TryRemove(guestId, out _);
            return ValueTask.CompletedTask;
        }
        catch (FileCallException e)
        {
            throw Failed($"still holds files of guest {guestId}", e);
        }
    }

    /// <inheritdoc/>
    public ValueTask StageAsync(OwnershipRecord record, CancellationToken cancellationToken)
    {
        Check(record);
        cancellationToken.ThrowIfCancellationRequested();
        EpochFiles guest = Guest(record.GuestId);
        try
        {
            lock (guest)
            {
                guest.Stage(record);
                return ValueTask.CompletedTask;
            }
        }
        catch (FileCallException e)
        {
            throw Failed("cannot be written", e);
        }
    }

    /// <inheritdoc/>
    public ValueTask RehearseAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var record = new OwnershipRecord(Guid.NewGuid(), 1, RunId.NewRandom(), AttemptId.NewRandom());
        var scratch = new EpochFiles(_files, record.GuestId);
        try
        {
            scratch.Stage(record);
            scratch.Create(record);
            scratch.ReadHighest();
            scratch.Mark(record.Epoch, OwnershipMark.Resuming);
            scratch.ReadMark(record.Epoch);
            return ValueTask.CompletedTask;
        }
        catch (FileCallException e)
        {
            throw Failed("cannot be written", e);
        }
        finally
        {
            scratch.RemoveScratchGuest();
        }
    }

    /// <inheritdoc/>
    public ValueTask<IDisposable?> AnnounceAsync(Guid guestId, AttemptId attempt, string side, CancellationToken cancellationToken)
    {
        CheckSide(side);
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            return new(PresenceFile.TryAnnounce(Presence(guestId, attempt, side)));
        }
        catch (FileCallException e)
        {
            throw Failed("did not take this attempt's sign of life", e);
        }
    }

    /// <inheritdoc/>
    public ValueTask<AttemptPresence> LookAsync(Guid guestId, AttemptId attempt, string side, CancellationToken cancellationToken)
    {
        CheckSide(side);
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            return new(PresenceFile.Look(Presence(guestId, attempt, side)));
        }
        catch (FileCallException e)
        {
            throw Failed("cannot be read", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _files.Dispose();

    private string Presence(Guid guestId, AttemptId attempt, string side) =>
        Path.Combine(_files.Path, EpochFiles.PresenceName(guestId, attempt, side));

    private static void Check(OwnershipRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        ArgumentOutOfRangeException.ThrowIfZero(record.Epoch, nameof(record));
    }

    // It becomes part of a file's name.
    private static void CheckSide(string side)
    {
        ArgumentException.ThrowIfNullOrEmpty(side);
        if (side.Length > 32 || !side.All(char.IsAsciiLetterLower))
        {
            throw new ArgumentException("A side is named by at most 32 lower-case letters.", nameof(side));
        }
    }

    private EpochFiles Guest(Guid guestId) => _guests.GetOrAdd(guestId, static (id, files) => new EpochFiles(files, id), _files);

    private MigrationException Failed(string what, FileCallException e) =>
        new(MigrationErrorKind.OwnershipFailed, $"The ownership store {_files.Path} {what}. {e.Message} {e.Remedy}", e);
}
