using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using PageEngine.Guests;
using PageEngine.Ownership;
using PageEngine.Reporting;
using PageEngine.Switchover;

namespace PageEngine.Recovery;

// Owns: what both sides' restarts do with the store, the journal and the guest's copy. The tables decide; one task of one
// restart uses it. Invariant: nothing is created or marked while the journal's lock is not held.

internal sealed class RestartContext(OpenAttempt open, MigrationJournal journal, HeldCopy? copy, RecoveryOptions options, CancellationToken stop)
{
    private const string ResolveSide = "resolve";
    private static readonly string[] _sides = ["source", "destination"];

    private readonly long _began = options.TimeProvider.GetTimestamp();
    private bool _storeIsProven;
    private bool _copyIsForgotten;

    public OpenAttempt Open => open;

    public MigrationJournal Journal => journal;

    public SwitchoverAttempt Attempt => journal.Header.Attempt;

    public RecoveryOptions Options => options;

    public OwnershipMode Mode => open.HasStore ? OwnershipMode.Store : OwnershipMode.NoStore;

    public bool HasCopy => copy is not null;

    public char Side => open.Role == MigrationRole.Source ? 'S' : 'D';

    public ILogger Logger => options.Logger ?? NullLogger.Instance;

    /// <summary>Gets the guest, once it was opened.</summary>
    public IGuest? Guest { get; private set; }

    /// <summary>Gets the first thing that stood in the way.</summary>
    public MigrationException? Failure { get; private set; }

    /// <summary>Gets what was read last; null when the guest has no record, or nothing was read.</summary>
    public OwnershipRecord? Record { get; private set; }

    /// <summary>Gets the mark of e+1 that was read last.</summary>
    public OwnershipMark Mark { get; private set; }

    /// <summary>Gets whether the record was read at all.</summary>
    public bool WasRead { get; private set; }

    public TimeSpan Elapsed => options.TimeProvider.GetElapsedTime(_began);

    public bool IsStopped => stop.IsCancellationRequested;

    private IOwnershipStore Store => options.Store!;

    /// <summary>Reads the record, then the mark of e+1.</summary>
    /// <param name="anew">Whether an answer from the past would do harm.</param>
    /// <returns>False when it cannot be read, or when the store is not the attempt's.</returns>
    public async ValueTask<bool> TryReadAsync(bool anew = false)
    {
        try
        {
            if (anew)
            {
                // A network file system's client keeps what it has looked up until the directory changes: so it is changed.
                await Store.WriteNonceAsync(Attempt.GuestId, Attempt.Attempt, ResolveSide, Attempt.Attempt.Value, CancellationToken.None).ConfigureAwait(false);
            }

            OwnershipRecord? record = await Store.ReadAsync(Attempt.GuestId, CancellationToken.None).ConfigureAwait(false);
            OwnershipMark mark = record?.Epoch > Attempt.BaseEpoch
                ? await Store.ReadMarkAsync(Attempt.GuestId, Attempt.ForDestination.Epoch, CancellationToken.None).ConfigureAwait(false)
                : OwnershipMark.None;
            await ProveStoreAsync(record, toWrite: false).ConfigureAwait(false);
            (Record, Mark, WasRead) = (record, mark, true);
            return true;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Note(e);
            return false;
        }
    }

    /// <summary>Creates an epoch.</summary>
    /// <returns><see cref="CreateOutcome.Unknown"/> when it failed, too.</returns>
    public async ValueTask<CreateOutcome> CreateAsync(OwnershipRecord record)
    {
        try
        {
            await ProveStoreToWriteAsync().ConfigureAwait(false);
            CreateOutcome outcome = await Store.CreateAsync(record, CancellationToken.None).ConfigureAwait(false);
            if (outcome == CreateOutcome.Created)
            {
                Record = record;
            }

            return outcome;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Note(e);
            return CreateOutcome.Unknown;
        }
    }

    /// <summary>Does something that may fail.</summary>
    /// <returns>Whether it was done.</returns>
    public async ValueTask<bool> TryAsync(Func<ValueTask> step)
    {
        try
        {
            await step().ConfigureAwait(false);
            return true;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Note(e);
            return false;
        }
    }

    /// <summary>Marks in the store, then notes it in the journal; without a store the note is the mark.</summary>
    public async ValueTask MarkAsync(JournalEntryKind entry, OwnershipMark mark)
    {
        if (Mode == OwnershipMode.Store)
        {
            await ProveStoreToWriteAsync().ConfigureAwait(false);
            await Store.MarkAsync(Attempt.GuestId, Attempt.ForDestination.Epoch, mark, CancellationToken.None).ConfigureAwait(false);
        }

        journal.Append(entry, Attempt.ForDestination.Epoch);
    }

    /// <summary>Brings the guest here, if it is not here yet.</summary>
    public async ValueTask OpenCopyAsync()
    {
        if (Guest is null)
        {
            IGuest guest = await copy!.OpenAsync(stop).ConfigureAwait(false);
            if (guest.Id != Attempt.GuestId)
            {
                throw new MigrationException(MigrationErrorKind.Internal, $"The copy of guest {Attempt.GuestId} that was opened calls itself {guest.Id}. It is not started.");
            }

            Guest = guest;
        }
    }

    /// <summary>Raises the guards.</summary>
    public ValueTask RaiseGuardsAsync(ulong epoch) =>
        options.RaiseGuards is { } raise ? raise(Attempt.GuestId, epoch, CancellationToken.None) : ValueTask.CompletedTask;

    /// <summary>Starts the guest. The right to it is durable by now; the copy that it came from is forgotten first.</summary>
    public async ValueTask ResumeAsync(ulong epoch)
    {
        await OpenCopyAsync().ConfigureAwait(false);
        await ForgetCopyAsync().ConfigureAwait(false);
        await Guest!.ResumeAsync(epoch, CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>Ends the copy for good.</summary>
    /// <param name="mustNeverRun">Whether the record gives the guest to the other side; otherwise the copy is of no use, and
    /// nobody knows that it is not the guest itself.</param>
    public async ValueTask DiscardAsync(bool mustNeverRun)
    {
        if (copy is null)
        {
            return;
        }

        await TryAsync(ForgetCopyAsync).ConfigureAwait(false);
        if (Guest is { } guest)
        {
            await TryAsync(() => guest.PowerOffAsync(CancellationToken.None)).ConfigureAwait(false);
            (guest as IDisposable)?.Dispose();
            guest.Memory.Dispose();
            Guest = null;
        }
        else if (mustNeverRun)
        {
            await TryAsync(() => copy.EndAsync(stop)).ConfigureAwait(false);
        }
    }

    /// <summary>Notes durably what the operator decided: without a store nothing else says it.</summary>
    public void NoteOperator(OperatorWord word)
    {
        Logger.OperatorSaid(open.MigrationId, Side, word);
        journal.Append(
            word == OperatorWord.OtherSideIsDead ? JournalEntryKind.OperatorResumed : JournalEntryKind.OperatorReleased, Attempt.BaseEpoch);
    }

    /// <summary>Notes that nothing is left to settle, and removes the journal and what else the attempt needed.</summary>
    public async ValueTask SettleAsync()
    {
        await TryAsync(() =>
        {
            journal.Append(JournalEntryKind.Settled, Attempt.BaseEpoch);
            return ValueTask.CompletedTask;
        }).ConfigureAwait(false);

        // The destination still proves the store by them; the source forgets last.
        if (Mode == OwnershipMode.Store && open.Role == MigrationRole.Source)
        {
            await TryAsync(() => Store.ForgetAttemptAsync(Attempt.GuestId, Attempt.Attempt, CancellationToken.None)).ConfigureAwait(false);
        }
    }

    /// <summary>Waits for the next try.</summary>
    /// <param name="most">The most time for all tries, where that is less than the options say.</param>
    /// <returns>False when the time for tries is over, or nobody wants to wait any more.</returns>
    public async ValueTask<bool> WaitAsync(TimeSpan? most = null)
    {
        TimeSpan period = options.RetryPeriod;
        if (most is { } limit && (period == Timeout.InfiniteTimeSpan || limit < period))
        {
            period = limit;
        }

        TimeSpan rest = period == Timeout.InfiniteTimeSpan ? TimeSpan.MaxValue : period - Elapsed;
        if (rest <= TimeSpan.Zero || IsStopped)
        {
            return false;
        }

        try
        {
            await Task.Delay(rest < options.RetryInterval ? rest : options.RetryInterval, options.TimeProvider, stop).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async ValueTask ForgetCopyAsync()
    {
        if (!_copyIsForgotten)
        {
            await copy!.ForgetAsync(CancellationToken.None).ConfigureAwait(false);
            _copyIsForgotten = true;
        }
    }

    // The tables write also when nothing could be read: not to a store that is not the attempt's.
    private async ValueTask ProveStoreToWriteAsync()
    {
        if (!_storeIsProven)
        {
            await ProveStoreAsync(await Store.ReadAsync(Attempt.GuestId, CancellationToken.None).ConfigureAwait(false), toWrite: true).ConfigureAwait(false);
        }
    }

    // What proves the store is what only it can know: a record with this attempt's token or one of its random runs above e, or
    // the nonces of the handshake, which stay until the attempt has ended. A store that says "as before" and lacks them is
    // another one, or an old copy: that path may be the right one makes no difference. Once later runs have had the guest,
    // all of it may be gone: then the path must do, and is only read.
    private async ValueTask ProveStoreAsync(OwnershipRecord? record, bool toWrite)
    {
        _storeIsProven |= record is not null && record.Epoch > Attempt.BaseEpoch
            && (record.Attempt == Attempt.Attempt || record.Holder == Attempt.SourceRun || record.Holder == Attempt.DestinationRun);
        for (int i = 0; i < _sides.Length && !_storeIsProven; i++)
        {
            _storeIsProven = await Store.ReadNonceAsync(Attempt.GuestId, Attempt.Attempt, _sides[i], CancellationToken.None).ConfigureAwait(false) is not null;
        }

        bool mayBeRead = record?.Epoch > Attempt.BaseEpoch && Store.Description == open.Store;
        if (!_storeIsProven && (toWrite || !mayBeRead))
        {
            throw new MigrationException(
                MigrationErrorKind.OwnershipFailed,
                $"The ownership store {Store.Description} does not know this attempt: it is not the store that the attempt used ({open.Store}), or an old copy of it. Nothing is decided by it; name the right one.");
        }
    }

    private void Note(Exception e) => Failure = e as MigrationException ?? new MigrationException(
        e is IOException or UnauthorizedAccessException ? MigrationErrorKind.OwnershipFailed : MigrationErrorKind.GuestFailed,
        $"{e.Message} ({e.GetType().Name})",
        e);
}
