namespace PageEngine.Ownership;

// Owns: an ownership store that lives as long as this object. One lock makes it linearizable.

/// <summary>An ownership store in memory, for tests, samples and embedders whose two sides live in one process. Nothing
/// survives the process.</summary>
public sealed class MemoryOwnershipStore : IOwnershipStore
{
    private readonly Lock _lock = new();
    private readonly Dictionary<Guid, List<OwnershipRecord>> _epochs = [];
    private readonly Dictionary<(Guid Guest, ulong Epoch), OwnershipMark> _marks = [];
    private readonly Dictionary<(Guid Guest, AttemptId Attempt, string Side), Guid> _nonces = [];

    /// <inheritdoc/>
    public string Description => "memory";

    /// <inheritdoc/>
    public ValueTask<OwnershipRecord?> ReadAsync(Guid guestId, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_lock)
        {
            return new(_epochs.TryGetValue(guestId, out List<OwnershipRecord>? epochs) ? epochs[^1] : null);
        }
    }

    /// <inheritdoc/>
    public ValueTask<CreateOutcome> CreateAsync(OwnershipRecord record, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(record);
        ArgumentOutOfRangeException.ThrowIfZero(record.Epoch, nameof(record));
        cancellationToken.ThrowIfCancellationRequested();
        lock (_lock)
        {
            if (!_epochs.TryGetValue(record.GuestId, out List<OwnershipRecord>? epochs))
            {
                if (record.Epoch != 1)
                {
                    return new(CreateOutcome.Conflict);
                }

                _epochs.Add(record.GuestId, epochs = []);
            }

            ulong highest = (ulong)epochs.Count;
            if (record.Epoch == highest + 1)
            {
                epochs.Add(record);
                return new(CreateOutcome.Created);
            }

            bool same = record.Epoch <= highest && epochs[(int)(record.Epoch - 1)] == record;
            return new(same ? CreateOutcome.Created : CreateOutcome.Conflict);
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
        lock (_lock)
        {
            if (epoch == 0 || !_epochs.TryGetValue(guestId, out List<OwnershipRecord>? epochs) || epoch > (ulong)epochs.Count)
            {
                throw new MigrationException(
                    MigrationErrorKind.OwnershipFailed,
                    $"Epoch {epoch} of guest {guestId} cannot be marked '{mark}': the ownership store has no such epoch. Check that both sides use the same store.");
            }

            if (_marks.GetValueOrDefault((guestId, epoch)) < mark)
            {
                _marks[(guestId, epoch)] = mark;
            }

            return ValueTask.CompletedTask;
        }
    }

    /// <inheritdoc/>
    public ValueTask<OwnershipMark> ReadMarkAsync(Guid guestId, ulong epoch, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_lock)
        {
            return new(_marks.GetValueOrDefault((guestId, epoch)));
        }
    }

    /// <inheritdoc/>
    public ValueTask WriteNonceAsync(Guid guestId, AttemptId attempt, string side, Guid nonce, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(side);
        cancellationToken.ThrowIfCancellationRequested();
        lock (_lock)
        {
            if (!_nonces.TryAdd((guestId, attempt, side), nonce) && _nonces[(guestId, attempt, side)] != nonce)
            {
                throw new MigrationException(
                    MigrationErrorKind.OwnershipFailed,
                    $"Another nonce for the {side} side of attempt {attempt} is already in the ownership store. Start the migration again: it gets a new attempt.");
            }

            return ValueTask.CompletedTask;
        }
    }

    /// <inheritdoc/>
    public ValueTask<Guid?> ReadNonceAsync(Guid guestId, AttemptId attempt, string side, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(side);
        cancellationToken.ThrowIfCancellationRequested();
        lock (_lock)
        {
            return new(_nonces.TryGetValue((guestId, attempt, side), out Guid nonce) ? nonce : null);
        }
    }

    /// <inheritdoc/>
    public ValueTask RemoveGuestAsync(Guid guestId, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_lock)
        {
            _epochs.Remove(guestId);
            foreach ((Guid Guest, ulong Epoch) key in _marks.Keys.Where(key => key.Guest == guestId).ToArray())
            {
                _marks.Remove(key);
            }

            foreach ((Guid Guest, AttemptId Attempt, string Side) key in _nonces.Keys.Where(key => key.Guest == guestId).ToArray())
            {
                _nonces.Remove(key);
            }

            return ValueTask.CompletedTask;
        }
    }

    /// <inheritdoc/>
    public ValueTask ForgetAttemptAsync(Guid guestId, AttemptId attempt, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_lock)
        {
            foreach ((Guid Guest, AttemptId Attempt, string Side) key in _nonces.Keys.Where(key => key.Guest == guestId && key.Attempt == attempt).ToArray())
            {
                _nonces.Remove(key);
            }

            return ValueTask.CompletedTask;
        }
    }
}
