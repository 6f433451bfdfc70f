using PageEngine.Ownership;

namespace PageEngine.Transport.Tests.Sessions;

// Owns: a record for each guest in a dictionary, and the history of everything that was created.

/// <summary>The smallest store that keeps the promises of <see cref="IOwnershipStore"/>.</summary>
internal sealed class TestOwnershipStore : IOwnershipStore
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(Guid Guest, ulong Epoch), (OwnershipRecord Record, List<OwnershipMark> Marks)> _epochs = [];
    private readonly Dictionary<(Guid Guest, AttemptId Attempt, string Side), Guid> _nonces = [];

    public string Description => "a store in memory";

    internal IReadOnlyList<OwnershipRecord> RecordsOf(Guid guest)
    {
        lock (_gate)
        {
            return [.. _epochs.Where(e => e.Key.Guest == guest).OrderBy(e => e.Key.Epoch).Select(e => e.Value.Record)];
        }
    }

    internal IReadOnlyList<OwnershipMark> MarksOf(Guid guest, ulong epoch)
    {
        lock (_gate)
        {
            return [.. _epochs[(guest, epoch)].Marks];
        }
    }

    internal int Nonces
    {
        get
        {
            lock (_gate)
            {
                return _nonces.Count;
            }
        }
    }

    internal int Guests
    {
        get
        {
            lock (_gate)
            {
                return _epochs.Keys.Select(k => k.Guest).Distinct().Count();
            }
        }
    }

    public ValueTask<OwnershipRecord?> ReadAsync(Guid guestId, CancellationToken cancellationToken)
    {
        IReadOnlyList<OwnershipRecord> records = RecordsOf(guestId);
        return ValueTask.FromResult(records.Count == 0 ? null : records[^1]);
    }

    public ValueTask<CreateOutcome> CreateAsync(OwnershipRecord record, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_epochs.TryGetValue((record.GuestId, record.Epoch), out (OwnershipRecord Record, List<OwnershipMark> Marks) existing))
            {
                return ValueTask.FromResult(existing.Record == record ? CreateOutcome.Created : CreateOutcome.Conflict);
            }

            if (record.Epoch != 1 && !_epochs.ContainsKey((record.GuestId, record.Epoch - 1)))
            {
                return ValueTask.FromResult(CreateOutcome.Conflict);
            }

            _epochs.Add((record.GuestId, record.Epoch), (record, []));
            return ValueTask.FromResult(CreateOutcome.Created);
        }
    }

    public ValueTask MarkAsync(Guid guestId, ulong epoch, OwnershipMark mark, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_epochs.TryGetValue((guestId, epoch), out (OwnershipRecord Record, List<OwnershipMark> Marks) entry))
            {
                entry.Marks.Add(mark);
                return ValueTask.CompletedTask;
            }
        }

        throw new MigrationException(MigrationErrorKind.OwnershipFailed, $"Epoch {epoch} of guest {guestId} does not exist.");
    }

    public ValueTask<OwnershipMark> ReadMarkAsync(Guid guestId, ulong epoch, CancellationToken cancellationToken) =>
        ValueTask.FromResult(MarksOf(guestId, epoch).DefaultIfEmpty().Max());

    public ValueTask WriteNonceAsync(Guid guestId, AttemptId attempt, string side, Guid nonce, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            _nonces[(guestId, attempt, side)] = nonce;
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask<Guid?> ReadNonceAsync(Guid guestId, AttemptId attempt, string side, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            return ValueTask.FromResult<Guid?>(_nonces.TryGetValue((guestId, attempt, side), out Guid nonce) ? nonce : null);
        }
    }

    public ValueTask RemoveGuestAsync(Guid guestId, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            foreach ((Guid Guest, ulong Epoch) key in _epochs.Keys.Where(k => k.Guest == guestId).ToArray())
            {
                _epochs.Remove(key);
            }
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask ForgetAttemptAsync(Guid guestId, AttemptId attempt, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            foreach ((Guid Guest, AttemptId Attempt, string Side) key in _nonces.Keys.Where(k => k.Attempt == attempt).ToArray())
            {
                _nonces.Remove(key);
            }
        }

        return ValueTask.CompletedTask;
    }
}
