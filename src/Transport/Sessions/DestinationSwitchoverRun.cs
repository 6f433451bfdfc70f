using System.IO.Hashing;
using PageEngine.Devices;
using PageEngine.Memory;
using PageEngine.Ownership;
using PageEngine.Reporting;
using PageEngine.Switchover;
using PageEngine.Transport.Control;
using Answer = PageEngine.Switchover.Transition<PageEngine.Switchover.DestinationState, PageEngine.Switchover.DestinationEffect>;

namespace PageEngine.Transport.Sessions;

// Owns: the effects of the destination's switchover. The table in Switchover/DestinationSwitchover.cs decides; this
// carries out and reports back. One task runs it. The rehearsal runs this same code on a scratch guest.

/// <summary>One switchover at the destination.</summary>
internal sealed class DestinationSwitchoverRun
{
    private readonly DestinationSwitchoverContext _context;
    private readonly SwitchoverAttempt _attempt;
    private readonly AttemptRecord? _record;
    private readonly SwitchoverTimers _timers;
    private readonly TimeProvider _time;
    private readonly OwnershipMode _mode;
    private readonly CancellationToken _cancel;
    private DestinationState _state = DestinationState.Receiving;
    private MigrationException? _failure;
    private TimeSpan _waited;
    private TimeSpan _restored;
    private TimeSpan _journaled;
    private TimeSpan _read;
    private long _committedAt;
    private long _sourceLostAt;
    private bool _cancelSeen;
    private (GuestWhereabouts Guest, MigrationException? Failure)? _result;

    private DestinationSwitchoverRun(DestinationSwitchoverContext context, CancellationToken cancel)
    {
        _context = context;
        _attempt = context.Attempt;
        _time = context.Options.TimeProvider;
        _timers = new SwitchoverTimers(_time, context.ClaimTimeout);
        _record = Store is { } store ? new AttemptRecord(store, _attempt, context.Options.NetworkTimeout, _time) : null;
        _mode = Store is null ? OwnershipMode.NoStore : OwnershipMode.Store;
        _cancel = cancel;
    }

    private IOwnershipStore? Store => _context.Options.OwnershipStore;

    private MigrationIdentity Identity => _context.Identity;

    /// <summary>Answers one Prepare and says how it ended.</summary>
    /// <returns>Where the guest is, as this side knows it; the failure is null when it runs here.</returns>
    internal static async Task<(GuestWhereabouts Guest, MigrationException? Failure)> RunAsync(
        DestinationSwitchoverContext context, CancellationToken cancellationToken) =>
        await new DestinationSwitchoverRun(context, cancellationToken).RunAsync().ConfigureAwait(false);

    private async Task<(GuestWhereabouts Guest, MigrationException? Failure)> RunAsync()
    {
        DestinationEvent happened = DestinationEvent.PrepareReceived;
        while (true)
        {
            Answer answer = Next(happened);
            if (answer.State != _state && !_context.Prepare.Rehearsal)
            {
                Identity.Logger.Transition(Identity.Id, Identity.Side, answer.State.ToString(), happened.ToString());
            }

            _state = answer.State;
            DestinationEvent answered = DestinationEvent.None;
            for (int i = 0; i < answer.Count; i++)
            {
                DestinationEvent result = await CarryOutAsync(answer[i]).ConfigureAwait(false);
                answered = result == DestinationEvent.None ? answered : result;
            }

            if (_result is { } ended)
            {
                return ended;
            }

            happened = answered == DestinationEvent.None ? await WaitAsync().ConfigureAwait(false) : answered;
            if (_context.Prepare.Rehearsal && (_cancelSeen || _sourceLostAt != 0))
            {
                // Nothing real is at stake, and what a source names in a rehearsal must never be claimed or waited for: once
                // the source is gone its record is not even read.
                return (GuestWhereabouts.RunningAtSource, _failure ?? SwitchoverFailures.DestinationStopped(Phase));
            }
        }
    }

    // A message that comes out of order is a peer that cannot be talked to any more; the copy's fate does not hang on it.
    private Answer Next(DestinationEvent happened)
    {
        Answer answer = DestinationSwitchover.Next(_state, happened, _mode);
        if (!answer.IsUnexpected)
        {
            return answer;
        }

        Note(SwitchoverErrors.Unexpected("destination", _state, happened, fromPeer: true));
        _sourceLostAt = _time.GetTimestamp();
        return DestinationSwitchover.NextOrThrow(_state, DestinationEvent.ConnectionLost, _mode);
    }

    private void Note(MigrationException failure)
    {
        _failure ??= failure;
        _context.Roles.Detect(failure);
    }

    // At most one effect of an answer answers itself; the others are done at once and give None.
    private async Task<DestinationEvent> CarryOutAsync(DestinationEffect effect)
    {
        switch (effect)
        {
            case DestinationEffect.RestoreAndCheck:
                return await TryAsync(RestoreAsync, DestinationEvent.RestoreDone, DestinationEvent.RestoreFailed).ConfigureAwait(false);
            case DestinationEffect.JournalPrepared:
                return await TryAsync(JournalPreparedAsync, DestinationEvent.PreparedJournaled, DestinationEvent.JournalFailed).ConfigureAwait(false);
            case DestinationEffect.SendPrepared:
                await TryAsync(SendPreparedAsync, DestinationEvent.None, DestinationEvent.None).ConfigureAwait(false);
                break;
            case DestinationEffect.ReadRecord:
                return await ReadRecordAsync().ConfigureAwait(false);
            case DestinationEffect.CreateOwnEpoch:
                return await CreateAsync(_attempt.ForDestination).ConfigureAwait(false);
            case DestinationEffect.CreateHandBackEpoch:
                return await CreateAsync(_attempt.HandBack).ConfigureAwait(false);
            case DestinationEffect.JournalHandBack:
                return await TryAsync(() => Note(JournalEntryKind.HandingBack, _attempt.HandBack.Epoch, durable: true), DestinationEvent.HandBackJournaled, DestinationEvent.JournalFailed).ConfigureAwait(false);
            case DestinationEffect.RaiseGuards:
                return await TryAsync(RaiseGuardsAsync, DestinationEvent.GuardsRaised, DestinationEvent.GuardsFailed).ConfigureAwait(false);
            case DestinationEffect.MarkResuming:
                return await TryAsync(() => MarkAsync(JournalEntryKind.Resuming, OwnershipMark.Resuming), DestinationEvent.Marked, DestinationEvent.MarkFailed).ConfigureAwait(false);
            case DestinationEffect.MarkRunning:
                return await TryAsync(() => MarkAsync(JournalEntryKind.Running, OwnershipMark.Running), DestinationEvent.Marked, DestinationEvent.MarkFailed).ConfigureAwait(false);
            case DestinationEffect.ResumeGuest:
                return await TryAsync(ResumeAsync, DestinationEvent.GuestResumed, DestinationEvent.ResumeFailed).ConfigureAwait(false);
            case DestinationEffect.SendRunning:
                await TryAsync(SendRunningAsync, DestinationEvent.None, DestinationEvent.None).ConfigureAwait(false);
                break;
            case DestinationEffect.SendHandedBack:
                await TryAsync(
                    () => _context.Transport.SendAsync(ControlKind.HandedBack, new HandedBackMessage(_attempt.Attempt), static (m, w) => m.Write(w)).AsTask(),
                    DestinationEvent.None,
                    DestinationEvent.None).ConfigureAwait(false);
                break;
            case DestinationEffect.SendRefused:
                // The session says why when it ends; nothing is at stake any more.
                break;
            case DestinationEffect.Discard:
                await TryAsync(() => _context.Guest.PowerOffAsync(CancellationToken.None).AsTask(), DestinationEvent.None, DestinationEvent.None).ConfigureAwait(false);
                return DestinationEvent.CopyDiscarded;
            case DestinationEffect.StartRetryTimer:
                _timers.StartRetry();
                break;
            case DestinationEffect.ReportDiscarded when _failure is null:
                await HearWhyAsync().ConfigureAwait(false);
                _result = Conclude(effect);
                break;
            case DestinationEffect.JournalSettled:
                Journals.Settle(_context.Journal, _attempt.ForDestination.Epoch);
                break;
            case DestinationEffect.ReportTooLate:
                Identity.Logger.Note(Identity.Id, Identity.Side, "Too late to cancel here: this copy may be the guest.");
                break;
            default:
                _result = Conclude(effect);
                break;
        }

        return DestinationEvent.None;
    }

    private async Task<DestinationEvent> TryAsync(Func<Task> step, DestinationEvent done, DestinationEvent failed)
    {
        try
        {
            await step().ConfigureAwait(false);
            return done;
        }
        catch (OperationCanceledException) when (_cancel.IsCancellationRequested)
        {
            _cancelSeen = true;
            Note(SwitchoverFailures.DestinationStopped(Phase));
            return failed;
        }
        catch (Exception e)
        {
            // Guest, guards and store are the embedder's: whatever they throw is the step's failure, and the table knows
            // what follows from that.
            Note(SessionFailure.Complete(e, Phase));
            return failed;
        }
    }

    private MigrationPhase Phase => _state switch
    {
        < DestinationState.Prepared => MigrationPhase.Prepare,
        < DestinationState.RaisingGuards => MigrationPhase.Commit,
        _ => MigrationPhase.Resume,
    };

    private async Task RestoreAsync()
    {
        long began = _time.GetTimestamp();
        PrepareMessage prepare = _context.Prepare;
        await _context.Transport.Arrivals.WaitForRoundAsync(prepare.Totals.Max(t => t.Round), _cancel).ConfigureAwait(false);
        _waited = _time.GetElapsedTime(began);

        long restoreBegan = _time.GetTimestamp();
        _context.Transport.Arrivals.Check(prepare.Totals);

        // Joining the receivers would cost the blackout time; closing the memory to them costs nothing.
        _context.Applier?.Seal();
        if (prepare.LayoutDigest != LayoutDigest.Of(_context.Guest.Memory.Layout))
        {
            throw new MigrationException(MigrationErrorKind.DataDamaged, "The source prepared another memory layout than the one it offered.");
        }

        if (_context.Applier is { } applier && applier.OfferedPages != _context.Guest.Memory.PageCount)
        {
            throw new MigrationException(
                MigrationErrorKind.DataDamaged, $"Only {applier.OfferedPages} of {_context.Guest.Memory.PageCount} pages were ever offered. The copy is incomplete and is discarded.");
        }

        ReadOnlyMemory<byte> state = _context.Transport.TakeDeviceState();
        if (state.Length != prepare.StateBytes || XxHash3.HashToUInt64(state.Span) != prepare.StateDigest)
        {
            throw new MigrationException(MigrationErrorKind.DataDamaged, $"The device state is not what the source saved ({state.Length} of {prepare.StateBytes} bytes, or another digest).");
        }

        DeviceState decoded = DeviceStateCodec.Decode(state);
        await GuestCall.RunAsync("load its state", () => _context.Guest.LoadStateAsync(decoded, _cancel)).ConfigureAwait(false);
        _restored = _time.GetElapsedTime(restoreBegan);
    }

    private async Task JournalPreparedAsync()
    {
        long began = _time.GetTimestamp();
        await Note(JournalEntryKind.Prepared, _attempt.BaseEpoch, durable: true).ConfigureAwait(false);
        _journaled = _time.GetElapsedTime(began);
    }

    private Task Note(JournalEntryKind kind, ulong epoch, bool durable)
    {
        _context.Journal?.Append(kind, epoch, durable);
        return Task.CompletedTask;
    }

    private Task SendPreparedAsync() => _context.Transport.SendAsync(
        ControlKind.Prepared,
        new PreparedMessage(_attempt.Attempt, _attempt.BaseEpoch, _waited, _restored, _journaled),
        static (m, w) => m.Write(w)).AsTask();

    private async Task<DestinationEvent> ReadRecordAsync()
    {
        long began = _time.GetTimestamp();
        try
        {
            (OwnershipRecord? record, OwnershipMark mark) = await _record!.ReadAsync().ConfigureAwait(false);
            _read = _time.GetElapsedTime(began);
            return _attempt.SeenFromDestination(record, mark);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Note(SessionFailure.Complete(e, Phase));
            return DestinationEvent.RecordUnreadable;
        }
    }

    private async Task<DestinationEvent> CreateAsync(OwnershipRecord record)
    {
        try
        {
            return await _record!.CreateAsync(record).ConfigureAwait(false) switch
            {
                CreateOutcome.Created => DestinationEvent.EpochCreated,
                CreateOutcome.Conflict => DestinationEvent.EpochConflict,
                _ => DestinationEvent.EpochUnknown,
            };
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Note(SessionFailure.Complete(e, Phase));
            return DestinationEvent.EpochUnknown;
        }
    }

    private async Task RaiseGuardsAsync()
    {
        if (_context.Options.RaiseGuards is { } raise && !_context.Prepare.Rehearsal)
        {
            await raise(_attempt.GuestId, _attempt.ForDestination.Epoch, CancellationToken.None).ConfigureAwait(false);
        }
    }

    // The store first: the journal then says what this host knows to be there. Where the store is the authority the entry
    // need only outlive this process, and costs no flush in the blackout; without one the entry is the mark.
    private async Task MarkAsync(JournalEntryKind entry, OwnershipMark mark)
    {
        if (Store is not null)
        {
            await _record!.MarkAsync(mark).ConfigureAwait(false);
        }

        _context.Journal?.Append(entry, _attempt.ForDestination.Epoch, durable: Store is null);
    }

    private async Task ResumeAsync()
    {
        await GuestCall.ResumeAsync(_context.Guest, _attempt.ForDestination.Epoch, _time, Identity).ConfigureAwait(false);
        _resumedAt = _time.GetTimestamp();
    }

    private long _resumedAt;

    private Task SendRunningAsync()
    {
        TimeSpan sinceCommit = _committedAt == 0 ? _read : _time.GetElapsedTime(_committedAt, _resumedAt);
        TimeSpan resume = sinceCommit > _read ? sinceCommit - _read : TimeSpan.Zero;
        return _context.Transport.SendAsync(
            ControlKind.Running,
            new RunningMessage(_attempt.Attempt, _attempt.ForDestination.Epoch, _read, resume),
            static (m, w) => m.Write(w)).AsTask();
    }

    // Waits for a message, the loss of the connection, a cancel (once), or the nearest timer.
    private async Task<DestinationEvent> WaitAsync()
    {
        using CancellationTokenSource nearest = _timers.Nearest();
        using var any = CancellationTokenSource.CreateLinkedTokenSource(nearest.Token, _cancelSeen ? CancellationToken.None : _cancel);
        try
        {
            if (_sourceLostAt != 0)
            {
                await Task.Delay(Timeout.Infinite, any.Token).ConfigureAwait(false);
            }

            InboxMessage message = await _context.Transport.NextAsync(any.Token).ConfigureAwait(false);
            if (message.Body is not CommitMessage commit || commit.Attempt != _attempt.Attempt || commit.Epoch != _attempt.ForDestination.Epoch)
            {
                throw ControlFrameCodec.Violation($"a {message.Kind} frame came where a commit of this attempt was due");
            }

            _committedAt = _time.GetTimestamp();
            return DestinationEvent.CommitReceived;
        }
        catch (OperationCanceledException) when (!_cancelSeen && _cancel.IsCancellationRequested)
        {
            _cancelSeen = true;
            return DestinationEvent.CancelRequested;
        }
        catch (OperationCanceledException)
        {
            SwitchoverTimer due = _timers.TakeDue();
            bool claim = due == SwitchoverTimer.Retry && await MayClaimAsync().ConfigureAwait(false);
            return due switch
            {
                SwitchoverTimer.Retry => claim ? DestinationEvent.ClaimDue : DestinationEvent.RetryDue,
                _ => DestinationEvent.RetryPeriodOver,
            };
        }
        catch (MigrationException e)
        {
            _sourceLostAt = _time.GetTimestamp();
            Note(SessionFailure.Complete(e, Phase));
            return e.FromPeer ? DestinationEvent.AbortReceived : DestinationEvent.ConnectionLost;
        }
    }

    // The record was read before the source's own word came: both hosts are to name the same cause.
    private async Task HearWhyAsync()
    {
        using var patience = new CancellationTokenSource(_context.Options.NetworkTimeout, _time);
        try
        {
            await _context.Transport.NextAsync(patience.Token).ConfigureAwait(false);
        }
        catch (MigrationException why)
        {
            Note(SessionFailure.Complete(why, Phase));
        }
        catch (OperationCanceledException)
        {
            // Then the record is all there is to quote.
        }
    }

    // A source that has died will not end the attempt itself: there is nobody to wait for.
    private async Task<bool> MayClaimAsync() => _sourceLostAt != 0 && !_context.Prepare.Rehearsal
        && (_time.GetElapsedTime(_sourceLostAt) > _context.ClaimTimeout || await _context.Source.HasDiedAsync(TimeSpan.Zero).ConfigureAwait(false));

    private (GuestWhereabouts Guest, MigrationException? Failure) Conclude(DestinationEffect effect) => effect switch
    {
        DestinationEffect.ReportMoved => (GuestWhereabouts.RunningAtDestination, null),
        DestinationEffect.ReportDiscarded => (
            GuestWhereabouts.RunningAtSource,
            _failure ?? new MigrationException(MigrationErrorKind.Cancelled, "The record gives the guest back to the source.") { Phase = Phase, DetectedBy = DetectedBy.Supervisor }),
        DestinationEffect.ReportHeld => (GuestWhereabouts.Held, InDoubt()),
        DestinationEffect.ReportLost => (GuestWhereabouts.Lost, new MigrationException(MigrationErrorKind.GuestLost, "The guest ran here and its memory is gone.", _failure)),
        _ => throw new MigrationException(MigrationErrorKind.Internal, $"The destination's switchover has no step for {effect}."),
    };

    private MigrationException InDoubt() => new(
        MigrationErrorKind.InDoubt,
        $"{HoldReasons.Say(DestinationSwitchover.HoldOf(_state, _mode), Store, _attempt.GuestId)}{(_context.Prepare.Rehearsal ? "" : " This copy is complete and stays paused.")} Cause: {_failure?.Message ?? "none"}",
        _failure)
    {
        Phase = _failure?.Phase ?? Phase,
        DetectedBy = _failure?.DetectedBy ?? DetectedBy.Supervisor,
    };
}
