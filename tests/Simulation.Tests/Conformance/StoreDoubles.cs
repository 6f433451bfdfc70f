using PageEngine.Ownership;

namespace PageEngine.Simulation.Tests.Conformance;

// Owns: ownership stores that are wrong in one way each.

/// <summary>A store that is right, for others to spoil.</summary>
internal class StoreDouble : IOwnershipStore
{
    protected MemoryOwnershipStore Inner { get; } = new();

    public virtual string Description => "double";

    public virtual ValueTask<OwnershipRecord?> ReadAsync(Guid guestId, CancellationToken cancellationToken) => Inner.ReadAsync(guestId, cancellationToken);

    public virtual ValueTask<CreateOutcome> CreateAsync(OwnershipRecord record, CancellationToken cancellationToken) => Inner.CreateAsync(record, cancellationToken);

    public virtual ValueTask MarkAsync(Guid guestId, ulong epoch, OwnershipMark mark, CancellationToken cancellationToken) => Inner.MarkAsync(guestId, epoch, mark, cancellationToken);

    public virtual ValueTask<OwnershipMark> ReadMarkAsync(Guid guestId, ulong epoch, CancellationToken cancellationToken) => Inner.ReadMarkAsync(guestId, epoch, cancellationToken);

    public virtual ValueTask WriteNonceAsync(Guid guestId, AttemptId attempt, string side, Guid nonce, CancellationToken cancellationToken) =>
        Inner.WriteNonceAsync(guestId, attempt, side, nonce, cancellationToken);

    public virtual ValueTask<Guid?> ReadNonceAsync(Guid guestId, AttemptId attempt, string side, CancellationToken cancellationToken) =>
        Inner.ReadNonceAsync(guestId, attempt, side, cancellationToken);

    public virtual ValueTask RemoveGuestAsync(Guid guestId, CancellationToken cancellationToken) => Inner.RemoveGuestAsync(guestId, cancellationToken);

    public virtual ValueTask ForgetAttemptAsync(Guid guestId, AttemptId attempt, CancellationToken cancellationToken) => Inner.ForgetAttemptAsync(guestId, attempt, cancellationToken);

    public virtual ValueTask StageAsync(OwnershipRecord record, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public virtual ValueTask RehearseAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    protected ulong Highest(Guid guest) => Inner.ReadAsync(guest, CancellationToken.None).AsTask().Result?.Epoch ?? 0;
}

/// <summary>One delegate for each call that a double spoils.</summary>
internal sealed class SpoiltStore : StoreDouble
{
    internal Func<OwnershipRecord, Func<OwnershipRecord, CreateOutcome>, CreateOutcome>? Create { get; init; }

    internal Func<Guid, OwnershipRecord?, OwnershipRecord?>? Read { get; init; }

    internal Action<MemoryOwnershipStore, OwnershipRecord>? Stage { get; init; }

    internal Action<MemoryOwnershipStore, Guid>? Forget { get; init; }

    internal Func<string, string>? Side { get; init; }

    internal bool RemovesNothing { get; init; }

    internal string Text { get; init; } = "double";

    public override string Description => Text;

    public override ValueTask<CreateOutcome> CreateAsync(OwnershipRecord record, CancellationToken cancellationToken) =>
        Create is null ? base.CreateAsync(record, cancellationToken) : new(Create(record, r => Inner.CreateAsync(r, CancellationToken.None).AsTask().Result));

    public override ValueTask<OwnershipRecord?> ReadAsync(Guid guestId, CancellationToken cancellationToken)
    {
        OwnershipRecord? right = Inner.ReadAsync(guestId, cancellationToken).AsTask().Result;
        return new(Read is null ? right : Read(guestId, right));
    }

    public override ValueTask StageAsync(OwnershipRecord record, CancellationToken cancellationToken)
    {
        Stage?.Invoke(Inner, record);
        return ValueTask.CompletedTask;
    }

    public override ValueTask ForgetAttemptAsync(Guid guestId, AttemptId attempt, CancellationToken cancellationToken)
    {
        if (Forget is null)
        {
            return base.ForgetAttemptAsync(guestId, attempt, cancellationToken);
        }

        Forget(Inner, guestId);
        return ValueTask.CompletedTask;
    }

    public override ValueTask RemoveGuestAsync(Guid guestId, CancellationToken cancellationToken) =>
        RemovesNothing ? ValueTask.CompletedTask : base.RemoveGuestAsync(guestId, cancellationToken);

    public override ValueTask WriteNonceAsync(Guid guestId, AttemptId attempt, string side, Guid nonce, CancellationToken cancellationToken) =>
        base.WriteNonceAsync(guestId, attempt, Side?.Invoke(side) ?? side, nonce, cancellationToken);

    public override ValueTask<Guid?> ReadNonceAsync(Guid guestId, AttemptId attempt, string side, CancellationToken cancellationToken) =>
        base.ReadNonceAsync(guestId, attempt, Side?.Invoke(side) ?? side, cancellationToken);
}

/// <summary>Looks first and creates later: two may have looked.</summary>
internal sealed class LookThenCreateStore : StoreDouble
{
    public override ValueTask<CreateOutcome> CreateAsync(OwnershipRecord record, CancellationToken cancellationToken)
    {
        bool free = record.Epoch == Highest(record.GuestId) + 1;
        Thread.Sleep(1);
        CreateOutcome right = base.CreateAsync(record, CancellationToken.None).AsTask().Result;
        return new(free ? CreateOutcome.Created : right);
    }
}

/// <summary>Says "conflict" to whoever comes while another create is under way.</summary>
internal sealed class BusyStore : StoreDouble
{
    private readonly Lock _lock = new();

    public override ValueTask<CreateOutcome> CreateAsync(OwnershipRecord record, CancellationToken cancellationToken)
    {
        if (!_lock.TryEnter())
        {
            return new(CreateOutcome.Conflict);
        }

        try
        {
            Thread.Sleep(2);
            return new(Inner.CreateAsync(record, CancellationToken.None).AsTask().Result);
        }
        finally
        {
            _lock.Exit();
        }
    }
}

/// <summary>Shows a record before it has won.</summary>
internal sealed class EarlyReadStore : StoreDouble
{
    private OwnershipRecord? _candidate;

    public override ValueTask<CreateOutcome> CreateAsync(OwnershipRecord record, CancellationToken cancellationToken)
    {
        Volatile.Write(ref _candidate, record);
        Thread.Sleep(1);
        return base.CreateAsync(record, cancellationToken);
    }

    public override ValueTask<OwnershipRecord?> ReadAsync(Guid guestId, CancellationToken cancellationToken) =>
        Volatile.Read(ref _candidate) is { } candidate && candidate.GuestId == guestId ? new(candidate) : base.ReadAsync(guestId, cancellationToken);
}

/// <summary>Believes a create that was cancelled, whoever else has won since.</summary>
internal sealed class BelievesCancelledStore : StoreDouble
{
    private readonly HashSet<OwnershipRecord> _cancelled = [];

    public override ValueTask<CreateOutcome> CreateAsync(OwnershipRecord record, CancellationToken cancellationToken)
    {
        lock (_cancelled)
        {
            if (cancellationToken.IsCancellationRequested)
            {
                _cancelled.Add(record);
                throw new OperationCanceledException(cancellationToken);
            }

            CreateOutcome outcome = Inner.CreateAsync(record, CancellationToken.None).AsTask().Result;
            return new(_cancelled.Contains(record) ? CreateOutcome.Created : outcome);
        }
    }
}

/// <summary>How marks can be wrong.</summary>
internal enum MarkFlaw
{
    Shrinks,
    SeenLate,
    LostInRace,
    NeedsNoEpoch,
    OfWholeGuest,
    OfAllGuests,
}

/// <summary>Keeps its marks in its own wrong way.</summary>
internal sealed class MarkStore(MarkFlaw flaw) : StoreDouble
{
    private readonly Dictionary<(Guid, ulong), OwnershipMark> _marks = [];
    private bool _late;

    public override ValueTask MarkAsync(Guid guestId, ulong epoch, OwnershipMark mark, CancellationToken cancellationToken)
    {
        if (flaw != MarkFlaw.NeedsNoEpoch && epoch > Highest(guestId))
        {
            throw new MigrationException(MigrationErrorKind.OwnershipFailed, "There is no such epoch.");
        }

        OwnershipMark before = Get(guestId, epoch);
        if (flaw == MarkFlaw.LostInRace)
        {
            Thread.Sleep(2);
        }

        lock (_marks)
        {
            _marks[Key(guestId, epoch)] = flaw == MarkFlaw.Shrinks || mark > before ? mark : before;
            _late = flaw == MarkFlaw.SeenLate;
        }

        return ValueTask.CompletedTask;
    }

    public override ValueTask<OwnershipMark> ReadMarkAsync(Guid guestId, ulong epoch, CancellationToken cancellationToken)
    {
        if (_late)
        {
            _late = false;
            return new(OwnershipMark.None);
        }

        return new(Get(guestId, epoch));
    }

    private OwnershipMark Get(Guid guestId, ulong epoch)
    {
        lock (_marks)
        {
            return _marks.GetValueOrDefault(Key(guestId, epoch));
        }
    }

    private (Guid, ulong) Key(Guid guestId, ulong epoch) =>
        (flaw == MarkFlaw.OfAllGuests ? Guid.Empty : guestId, flaw == MarkFlaw.OfWholeGuest ? 0 : epoch);
}

/// <summary>A rehearsal that is none.</summary>
internal sealed class RehearsingStore : StoreDouble
{
    private readonly HashSet<Guid> _seen = [];

    internal long Entries { get; private set; }

    public override ValueTask<CreateOutcome> CreateAsync(OwnershipRecord record, CancellationToken cancellationToken)
    {
        lock (_seen)
        {
            _seen.Add(record.GuestId);
        }

        return base.CreateAsync(record, cancellationToken);
    }

    public override ValueTask RehearseAsync(CancellationToken cancellationToken)
    {
        lock (_seen)
        {
            Entries++;
            foreach (Guid guest in _seen.Where(guest => Highest(guest) > 0))
            {
                Inner.CreateAsync(new OwnershipRecord(guest, Highest(guest) + 1, RunId.NewRandom(), AttemptId.NewRandom()), CancellationToken.None).AsTask().Wait(CancellationToken.None);
            }
        }

        return ValueTask.CompletedTask;
    }
}

/// <summary>Forgets everything when the last handle is closed.</summary>
internal sealed class ForgetfulStore
{
    private StoreDouble _data = new();
    private int _open;

    internal IOwnershipStore Open()
    {
        _open++;
        return new Handle(this);
    }

    private sealed class Handle(ForgetfulStore store) : StoreDouble, IDisposable
    {
        private StoreDouble Data => store._data;

        public override ValueTask<OwnershipRecord?> ReadAsync(Guid guestId, CancellationToken cancellationToken) => Data.ReadAsync(guestId, cancellationToken);

        public override ValueTask<CreateOutcome> CreateAsync(OwnershipRecord record, CancellationToken cancellationToken) => Data.CreateAsync(record, cancellationToken);

        public override ValueTask MarkAsync(Guid guestId, ulong epoch, OwnershipMark mark, CancellationToken cancellationToken) => Data.MarkAsync(guestId, epoch, mark, cancellationToken);

        public override ValueTask<OwnershipMark> ReadMarkAsync(Guid guestId, ulong epoch, CancellationToken cancellationToken) => Data.ReadMarkAsync(guestId, epoch, cancellationToken);

        public void Dispose()
        {
            if (--store._open == 0)
            {
                store._data = new StoreDouble();
            }
        }
    }
}
