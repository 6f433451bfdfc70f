using PageEngine.Bitmaps;
using PageEngine.Memory;
using PageEngine.Ownership;
using PageEngine.Reporting;
using PageEngine.Streaming;
using PageEngine.Switchover;
using PageEngine.Transport.Control;
using Answer = PageEngine.Switchover.Transition<PageEngine.Switchover.SourceState, PageEngine.Switchover.SourceEffect>;

namespace PageEngine.Transport.Sessions;

// Owns: the effects of the source's switchover. The table in Switchover/SourceSwitchover.cs decides; this carries out and
// reports back. One task runs it. The rehearsal runs this same code on a scratch guest and a scratch record.

/// <summary>One switchover at the source.</summary>
internal sealed class SourceSwitchoverRun : IDisposable
{
    private readonly SourceSwitchoverContext _context;
    private readonly SourceLastPass _lastPass;
    private readonly Action<MigrationPhase> _enter;
    private readonly SwitchoverStopwatch _watch;
    private readonly SwitchoverTimers _timers;
    private readonly SwitchoverAttempt _attempt;
    private readonly AttemptRecord? _record;
    private readonly OwnershipMode _mode;
    private readonly bool _rehearsal;
    private readonly CancellationToken _cancel;
    private CancellationTokenSource? _patience;
    private CancellationTokenSource? _standstill;
    private SourceState _state = SourceState.Copying;
    private MigrationException? _failure;
    private ulong _epoch;
    private bool _peerGone;
    private bool _cancelSeen;
    private bool _handedBack;
    private SwitchoverResult? _result;

    private SourceSwitchoverRun(
        SourceSwitchoverContext context, DirtyBitmap pending, Func<long> collect, Action<MigrationPhase> enter, bool rehearsal, CancellationToken cancel)
    {
        _context = context;
        _enter = enter;
        _rehearsal = rehearsal;
        _cancel = cancel;
        _attempt = context.Attempt;
        _epoch = context.Ownership.Epoch;
        _record = context.Ownership.Store is { } store
            ? new AttemptRecord(store, _attempt, context.Options.NetworkTimeout, context.Options.TimeProvider)
            : null;
        _mode = context.Ownership.Store is null ? OwnershipMode.NoStore : OwnershipMode.Store;
        _watch = new SwitchoverStopwatch(context.Options.TimeProvider);
        _lastPass = new SourceLastPass(context, pending, collect, _watch);
        _timers = new SwitchoverTimers(
            context.Options.TimeProvider, rehearsal ? context.Options.NetworkTimeout : context.Options.ResumeTimeout);
    }

    private IOwnershipStore? Store => _context.Ownership.Store;

    private MigrationIdentity Identity => _context.Identity;

    /// <summary>Switches over and says how it ended.</summary>
    internal static async Task<SwitchoverResult> RunAsync(
        SourceSwitchoverContext context, PreCopyMonitor monitor, Action<MigrationPhase> enter, CancellationToken cancellationToken)
    {
        using var run = new SourceSwitchoverRun(context, monitor.Pending, monitor.Collect, enter, rehearsal: false, cancellationToken);
        return await run.RunAsync().ConfigureAwait(false);
    }

    /// <summary>Runs every step on an empty layout and a scratch record.</summary>
    internal static async Task<SwitchoverResult> RehearseAsync(SourceSwitchoverContext context, DirtyBitmap nothingPending, CancellationToken cancellationToken)
    {
        using var run = new SourceSwitchoverRun(context, nothingPending, static () => 0, static _ => { }, rehearsal: true, cancellationToken);
        return await run.RunAsync().ConfigureAwait(false);
    }

    public void Dispose()
    {
        _standstill?.Dispose();
        _patience?.Dispose();
        _lastPass.Dispose();
    }

    private async Task<SwitchoverResult> RunAsync()
    {
        using QuietPeriod quiet = _context.Quiet;
        quiet.Begin();
        SourceEvent happened = SourceEvent.SwitchoverDecided;
        while (true)
        {
            Answer answer = Next(happened);
            if (answer.State != _state && !_rehearsal)
            {
                Identity.Logger.Transition(Identity.Id, Identity.Side, answer.State.ToString(), happened.ToString());
            }

            _state = answer.State;
            SourceEvent answered = SourceEvent.None;
            for (int i = 0; i < answer.Count; i++)
            {
                SourceEvent result = await CarryOutAsync(answer[i]).ConfigureAwait(false);
                answered = result == SourceEvent.None ? answered : result;
            }

            if (_result is not null)
            {
                return _result;
            }

            happened = answered == SourceEvent.None ? await WaitAsync().ConfigureAwait(false) : answered;
        }
    }

    // A message that comes out of order is a peer that cannot be talked to any more; the guest's fate does not hang on it.
    private Answer Next(SourceEvent happened)
    {
        Answer answer = SourceSwitchover.Next(_state, happened, _mode);
        if (!answer.IsUnexpected)
        {
            return answer;
        }

        Note(SwitchoverErrors.Unexpected("source", _state, happened, fromPeer: true));
        _peerGone = true;
        return SourceSwitchover.NextOrThrow(_state, SourceEvent.ConnectionLost, _mode);
    }

    private void Note(MigrationException failure)
    {
        _failure ??= failure;
        _context.Roles.Detect(failure);
    }

    // At most one effect of an answer answers itself; the others are done at once and give None.
    private async Task<SourceEvent> CarryOutAsync(SourceEffect effect)
    {
        switch (effect)
        {
            case SourceEffect.JournalAttempt:
                return await TryAsync(JournalAttemptAsync, SourceEvent.AttemptJournaled, SourceEvent.JournalFailed).ConfigureAwait(false);
            case SourceEffect.PauseGuest:
                return await TryAsync(PauseAsync, SourceEvent.GuestPaused, SourceEvent.PauseFailed).ConfigureAwait(false);
            case SourceEffect.RunLastPass:
                return await TryAsync(RunLastPassAsync, SourceEvent.LastPassDone, SourceEvent.LastPassFailed).ConfigureAwait(false);
            case SourceEffect.SendPrepare:
                return await TryAsync(SendPrepareAsync, SourceEvent.None, SourceEvent.ConnectionLost).ConfigureAwait(false);
            case SourceEffect.CreateEpochForDestination:
                return await CreateAsync(_attempt.ForDestination).ConfigureAwait(false);
            case SourceEffect.CreateEpochForSource:
                return await CreateAsync(_attempt.ForSource).ConfigureAwait(false);
            case SourceEffect.ReadRecord:
                return await ReadRecordAsync().ConfigureAwait(false);
            case SourceEffect.SendCommit:
                await SendCommitAsync().ConfigureAwait(false);
                break;
            case SourceEffect.SendAbort:
                await _context.Transport.SayAsync(Failure()).ConfigureAwait(false);
                break;
            case SourceEffect.ResumeGuestAtBase:
                return await TryAsync(() => ResumeAsync(_context.Ownership.Epoch), SourceEvent.GuestResumed, SourceEvent.ResumeFailed).ConfigureAwait(false);
            case SourceEffect.ResumeGuestAtOwnEpoch:
                return await TryAsync(() => ResumeAsync(_epoch), SourceEvent.GuestResumed, SourceEvent.ResumeFailed).ConfigureAwait(false);
            case SourceEffect.FreeMemory:
                // The memory itself stays until its owner disposes it: verification still reads it.
                await TryAsync(() => _context.Guest.PowerOffAsync(CancellationToken.None).AsTask(), SourceEvent.None, SourceEvent.None).ConfigureAwait(false);
                _epoch = _attempt.ForDestination.Epoch;
                return SourceEvent.MemoryFreed;
            case SourceEffect.StartAnswerTimer or SourceEffect.StartRunningTimer:
                _timers.StartPeer();
                break;
            case SourceEffect.StartRetryTimer:
                _timers.StartRetry();
                break;
            case SourceEffect.ReportRunsHere when _handedBack && _failure is null:
                await HearWhyAsync().ConfigureAwait(false);
                _result = Conclude(effect);
                break;
            case SourceEffect.JournalSettled:
                Journals.Settle(_context.Journal, _epoch);
                break;
            case SourceEffect.ReportTooLate:
                Identity.Logger.Note(Identity.Id, Identity.Side, "Too late to cancel: the destination may own the guest already.");
                break;
            default:
                _result = Conclude(effect);
                break;
        }

        return SourceEvent.None;
    }

    private async Task<SourceEvent> TryAsync(Func<Task> step, SourceEvent done, SourceEvent failed)
    {
        try
        {
            await step().ConfigureAwait(false);
            return done;
        }
        catch (OperationCanceledException) when (_cancel.IsCancellationRequested)
        {
            _cancelSeen = true;
            Note(SwitchoverFailures.Cancelled(Phase));
            return failed;
        }
        catch (OperationCanceledException e) when (_patience is { IsCancellationRequested: true })
        {
            Note(SwitchoverFailures.StoodStill(Phase, _context.Options.ResumeTimeout, e));
            return failed;
        }
        catch (Exception e)
        {
            // Guest, tracer and store are the embedder's: whatever they throw is the step's failure, and the table knows
            // what follows from that.
            Note(SessionFailure.Complete(e, Phase));
            return failed;
        }
    }

    private MigrationPhase Phase => _state switch
    {
        < SourceState.Preparing => MigrationPhase.Pause,
        SourceState.Preparing => MigrationPhase.Prepare,
        < SourceState.Granted or SourceState.Held => MigrationPhase.Commit,
        _ => MigrationPhase.Resume,
    };

    // Before the pause, so that no flush to disk falls into the blackout.
    private async Task JournalAttemptAsync()
    {
        _context.Journal?.Append(JournalEntryKind.MayBePrepared, _attempt.BaseEpoch);
        await _context.Transport.SendAsync(
            ControlKind.PauseNotice, new PauseNoticeMessage(_rehearsal, Identity.Attempt, _attempt.GuestId, _attempt.BaseEpoch), static (m, w) => m.Write(w), _cancel).ConfigureAwait(false);
        if (Store is not null)
        {
            // The guest's own files were written before the rounds. A rehearsal's are written now, on both sides at once: what the
            // destination does for them must not count as part of its answer.
            long began = _watch.Now;
            await _record!.StageAsync(_cancel).ConfigureAwait(false);
            _watch.Staged(since: began, _rehearsal);
        }

        _cancel.ThrowIfCancellationRequested();
    }

    private async Task PauseAsync()
    {
        _watch.Begin();
        _patience = new CancellationTokenSource(_context.Options.ResumeTimeout, _context.Options.TimeProvider);
        _standstill = CancellationTokenSource.CreateLinkedTokenSource(_cancel, _patience.Token);
        await GuestCall.RunAsync("pause", () => _context.Guest.PauseAsync(_standstill.Token)).ConfigureAwait(false);
        _watch.Mark(SwitchoverPart.Pause);
        _cancel.ThrowIfCancellationRequested();
    }

    private Task RunLastPassAsync() => _lastPass.RunAsync(_standstill!.Token);

    private async Task SendPrepareAsync()
    {
        _enter(MigrationPhase.Prepare);
        var prepare = new PrepareMessage
        {
            Rehearsal = _rehearsal,
            Attempt = Identity.Attempt,
            GuestId = _attempt.GuestId,
            Epoch = _attempt.BaseEpoch,
            LayoutDigest = LayoutDigest.Of(_context.Guest.Memory.Layout),
            StateBytes = _lastPass.StateBytes,
            StateDigest = _lastPass.StateDigest,
            Totals = [.. _context.Transport.Totals],
        };
        await _context.Transport.SendAsync(ControlKind.Prepare, prepare, static (m, w) => m.Write(w), _cancel).ConfigureAwait(false);
        await _lastPass.Arrived.ConfigureAwait(false);
        _watch.Mark(SwitchoverPart.Pages);
    }

    private async Task SendCommitAsync()
    {
        if (_peerGone)
        {
            return;
        }

        _watch.Mark(SwitchoverPart.Commit);
        _enter(MigrationPhase.Resume);
        try
        {
            await _context.Transport.SendAsync(
                ControlKind.Commit, new CommitMessage(Identity.Attempt, _attempt.ForDestination.Epoch), static (m, w) => m.Write(w)).ConfigureAwait(false);
        }
        catch (MigrationException e)
        {
            // The wait that follows notices the lost connection and looks at the record.
            Note(SessionFailure.Complete(e, Phase));
        }
    }

    private async Task ResumeAsync(ulong epoch)
    {
        await GuestCall.ResumeAsync(_context.Guest, epoch, _context.Options.TimeProvider, Identity).ConfigureAwait(false);
        _epoch = epoch;
        _watch.ResumedHere();
    }

    private async Task<SourceEvent> CreateAsync(OwnershipRecord record)
    {
        _enter(MigrationPhase.Commit);
        try
        {
            CreateOutcome outcome = await _record!.CreateAsync(record).ConfigureAwait(false);
            _epoch = outcome == CreateOutcome.Created ? record.Epoch : _epoch;
            return outcome switch
            {
                CreateOutcome.Created => SourceEvent.EpochCreated,
                CreateOutcome.Conflict => SourceEvent.EpochConflict,
                _ => SourceEvent.EpochUnknown,
            };
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Note(SessionFailure.Complete(e, Phase));
            return SourceEvent.EpochUnknown;
        }
    }

    private async Task<SourceEvent> ReadRecordAsync()
    {
        try
        {
            (OwnershipRecord? record, OwnershipMark mark) = await _record!.ReadAsync().ConfigureAwait(false);
            SourceEvent seen = _attempt.SeenFromSource(record, mark);
            _epoch = seen == SourceEvent.RecordOwn ? record!.Epoch : _epoch;
            return seen;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Note(SessionFailure.Complete(e, Phase));
            return SourceEvent.RecordUnreadable;
        }
    }

    // Waits for a message, the loss of the connection, a cancel (once), or the nearest timer.
    private async Task<SourceEvent> WaitAsync()
    {
        using CancellationTokenSource due = _timers.Nearest();
        using var any = CancellationTokenSource.CreateLinkedTokenSource(due.Token, _cancelSeen ? CancellationToken.None : _cancel);
        try
        {
            if (_peerGone)
            {
                await Task.Delay(Timeout.Infinite, any.Token).ConfigureAwait(false);
            }

            return Meaning(await _context.Transport.NextAsync(any.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (!_cancelSeen && _cancel.IsCancellationRequested)
        {
            _cancelSeen = true;
            if (SourceSwitchover.CanCancel(_state))
            {
                Note(SwitchoverFailures.Cancelled(Phase));
            }

            return SourceEvent.CancelRequested;
        }
        catch (OperationCanceledException)
        {
            return _timers.TakeDue() switch
            {
                SwitchoverTimer.Peer => TimedOut(),
                SwitchoverTimer.Retry => SourceEvent.RetryDue,
                _ => SourceEvent.RetryPeriodOver,
            };
        }
        catch (MigrationException e)
        {
            _peerGone = true;
            Note(SessionFailure.Complete(e, Phase));
            return e.FromPeer ? SourceEvent.PeerRefused : SourceEvent.ConnectionLost;
        }
    }

    // The destination gave the guest back and says why right after; the guest runs again already.
    private async Task HearWhyAsync()
    {
        using var patience = new CancellationTokenSource(_context.Options.NetworkTimeout, _context.Options.TimeProvider);
        try
        {
            InboxMessage message = await _context.Transport.NextAsync(patience.Token).ConfigureAwait(false);
            Note(ControlFrameCodec.Violation($"a {message.Kind} frame came after the guest was given back"));
        }
        catch (MigrationException why)
        {
            Note(SessionFailure.Complete(why, Phase));
        }
        catch (OperationCanceledException)
        {
            Note(SwitchoverFailures.GivenBackWithoutReason(Phase));
        }
    }

    private SourceEvent TimedOut()
    {
        Note(SwitchoverFailures.Silent(Phase, _context.Options.ResumeTimeout, Identity.Id));
        return SourceEvent.PeerTimedOut;
    }

    private SourceEvent Meaning(InboxMessage message)
    {
        switch (message.Body)
        {
            case PreparedMessage prepared when prepared.Attempt == Identity.Attempt && prepared.Epoch == _attempt.BaseEpoch:
                _watch.Prepared(prepared.Restore + prepared.Journal);
                return SourceEvent.PeerPrepared;
            case RunningMessage running when running.Attempt == Identity.Attempt && running.Epoch == _attempt.ForDestination.Epoch:
                _watch.Running(running.ReadRecord, running.Resume);
                return SourceEvent.PeerRunning;
            case HandedBackMessage handedBack when handedBack.Attempt == Identity.Attempt:
                _handedBack = true;
                return SourceEvent.PeerHandedBack;
            default:
                throw ControlFrameCodec.Violation($"a {message.Kind} frame does not belong to this attempt");
        }
    }

    private MigrationException Failure() => _failure ?? SwitchoverFailures.Ended(Phase);

    private SwitchoverResult Conclude(SourceEffect effect) => effect switch
    {
        SourceEffect.ReportMoved => Result(GuestWhereabouts.RunningAtDestination, null),
        SourceEffect.ReportRunsHere => Result(GuestWhereabouts.RunningAtSource, Failure()),
        SourceEffect.ReportHeld => Result(GuestWhereabouts.Held, InDoubt()),
        SourceEffect.ReportLost => Result(GuestWhereabouts.Lost, new MigrationException(MigrationErrorKind.GuestLost, "No complete copy of the guest survived.", _failure)),
        _ => throw new MigrationException(MigrationErrorKind.Internal, $"The source's switchover has no step for {effect}."),
    };

    private MigrationException InDoubt() => new(
        MigrationErrorKind.InDoubt,
        $"{HoldReasons.Say(SourceSwitchover.HoldOf(_state, _mode), Store, _attempt.GuestId)}{(_rehearsal ? "" : " The guest stays paused here.")} Cause: {_failure?.Message ?? "none"}",
        _failure)
    {
        Phase = _failure?.Phase ?? Phase,
        DetectedBy = _failure?.DetectedBy ?? DetectedBy.Supervisor,
    };

    private SwitchoverResult Result(GuestWhereabouts guest, MigrationException? failure) => new()
    {
        Guest = guest,
        Epoch = _epoch,
        Failure = failure,
        Parts = _watch.Parts,
        Approach = _watch.Approach,
        Blackout = _watch.Blackout,
        RemainingPages = _watch.RemainingPages,
    };
}
