using System.IO.Hashing;
using PageEngine.Bitmaps;
using PageEngine.Devices;
using PageEngine.Memory;
using PageEngine.Ownership;
using PageEngine.Reporting;
using PageEngine.Streaming;
using PageEngine.Switchover;
using PageEngine.Transport.Control;

namespace PageEngine.Transport.Sessions;

// Owns: the effects of the source's switchover. The table in Switchover/SourceSwitchover.cs decides; this carries out and
// reports back. One task runs it. The rehearsal runs this same code on a scratch guest and a scratch record.

/// <summary>One switchover at the source.</summary>
internal sealed class SourceSwitchoverRun
{
    /// <summary>How long to wait before the record is read again.</summary>
    private static readonly TimeSpan RecordPoll = TimeSpan.FromMilliseconds(250);

    private readonly SourceSwitchoverContext _context;
    private readonly DirtyBitmap _pending;
    private readonly Func<long> _collect;
    private readonly Action<MigrationPhase> _enter;
    private readonly SwitchoverStopwatch _watch;
    private readonly CancellationToken _cancel;
    private SourceState _state = SourceState.Running;
    private MigrationException? _failure;
    private OwnershipRecord? _seen;
    private ulong _stateDigest;
    private long _stateBytes;
    private Task<StreamRoundTotals>? _round;
    private bool _cancelSeen;
    private bool _waited;

    private SourceSwitchoverRun(
        SourceSwitchoverContext context, DirtyBitmap pending, Func<long> collect, Action<MigrationPhase> enter, CancellationToken cancel)
    {
        _context = context;
        _pending = pending;
        _collect = collect;
        _enter = enter;
        _cancel = cancel;
        _watch = new SwitchoverStopwatch(context.Options.TimeProvider);
    }

    private IOwnershipStore? Store => _context.Ownership.Store;

    /// <summary>Switches over and says how it ended.</summary>
    internal static async Task<SwitchoverResult> RunAsync(
        SourceSwitchoverContext context, PreCopyMonitor monitor, Action<MigrationPhase> enter, CancellationToken cancellationToken)
    {
        using QuietPeriod quiet = QuietPeriod.Begin();
        var run = new SourceSwitchoverRun(context, monitor.Pending, monitor.Collect, enter, cancellationToken);
        return await run.RunAsync(rehearsal: false).ConfigureAwait(false);
    }

    /// <summary>Runs every step on an empty layout and a scratch record.</summary>
    internal static Task<SwitchoverResult> RehearseAsync(SourceSwitchoverContext context, DirtyBitmap nothingPending, CancellationToken cancellationToken) =>
        new SourceSwitchoverRun(context, nothingPending, static () => 0, static _ => { }, cancellationToken).RunAsync(rehearsal: true);

    private async Task<SwitchoverResult> RunAsync(bool rehearsal)
    {
        Rehearsal = rehearsal;
        SourceEvent happened = SourceEvent.Begin;
        while (true)
        {
            SourceTransition next = SourceSwitchover.Next(_state, happened, Store is not null);
            if (!rehearsal)
            {
                _context.Identity.Logger.Transition(_context.Identity.Id, _context.Identity.Side, next.State.ToString(), happened.ToString());
            }

            _state = next.State;
            if (SourceSwitchover.IsFinal(_state))
            {
                return await EndAsync(next.Effect).ConfigureAwait(false);
            }

            happened = await CarryOutAsync(next.Effect).ConfigureAwait(false);
        }
    }

    private bool Rehearsal { get; set; }

    private async Task<SourceEvent> CarryOutAsync(SourceEffect effect)
    {
        try
        {
            return effect switch
            {
                SourceEffect.JournalAttempt => await JournalAttemptAsync().ConfigureAwait(false),
                SourceEffect.PauseGuest => await PauseAsync().ConfigureAwait(false),
                SourceEffect.RunLastPass => await RunLastPassAsync().ConfigureAwait(false),
                SourceEffect.SendPrepare => await SendPrepareAsync().ConfigureAwait(false),
                SourceEffect.CreateDestinationEpoch => await CreateAsync(_context.NextRecord).ConfigureAwait(false),
                SourceEffect.CreateSourceEpoch => await CreateAsync(_context.OwnNextRecord).ConfigureAwait(false),
                SourceEffect.ReadRecord => await ReadRecordAsync().ConfigureAwait(false),
                SourceEffect.SendCommit => await SendCommitAsync().ConfigureAwait(false),
                SourceEffect.AbortAndResume => await AbortAndResumeAsync().ConfigureAwait(false),
                SourceEffect.None => await WaitForDestinationAsync(ControlKind.Running).ConfigureAwait(false),
                _ => throw new MigrationException(MigrationErrorKind.Internal, $"The source's switchover has no step for {effect}."),
            };
        }
        catch (OperationCanceledException) when (_cancel.IsCancellationRequested)
        {
            return Cancelled();
        }
        catch (Exception e) when (e is MigrationException or IOException or UnauthorizedAccessException)
        {
            return Failed(e);
        }
    }

    private SourceEvent Cancelled()
    {
        _cancelSeen = true;
        _failure ??= new MigrationException(MigrationErrorKind.Cancelled, "The migration was cancelled; the guest goes on here.");
        return SourceEvent.CancelRequested;
    }

    private SourceEvent Failed(Exception exception)
    {
        MigrationException failure = SessionFailure.Complete(exception, Phase);
        _failure ??= failure;
        return failure switch
        {
            { FromPeer: true } => SourceEvent.Refused,
            { Kind: MigrationErrorKind.ConnectionLost or MigrationErrorKind.Timeout or MigrationErrorKind.ProtocolViolation } => SourceEvent.PeerLost,
            _ => SourceEvent.Failed,
        };
    }

    private MigrationPhase Phase => _state switch
    {
        SourceState.Running or SourceState.Journaling or SourceState.Pausing or SourceState.LastPass => MigrationPhase.Pause,
        SourceState.Preparing => MigrationPhase.Prepare,
        SourceState.Committing or SourceState.CommitUnknown or SourceState.Aborting or SourceState.AbortUnknown => MigrationPhase.Commit,
        _ => MigrationPhase.Resume,
    };

    private async Task<SourceEvent> JournalAttemptAsync()
    {
        // Before the pause, so that no flush to disk falls into the blackout.
        _context.Journal?.Append(JournalEntryKind.AttemptMayBePrepared, _context.Identity.Attempt, _context.Ownership.Epoch);
        await _context.Transport.SendAsync(ControlKind.PauseNotice, 0, static (_, _) => { }, _cancel).ConfigureAwait(false);
        _cancel.ThrowIfCancellationRequested();
        return SourceEvent.Journaled;
    }

    private async Task<SourceEvent> PauseAsync()
    {
        _watch.Begin();
        await _context.Guest.PauseAsync(_cancel).ConfigureAwait(false);
        _watch.Mark(SwitchoverPart.Pause);
        _cancel.ThrowIfCancellationRequested();
        return SourceEvent.Paused;
    }

    private async Task<SourceEvent> RunLastPassAsync()
    {
        _collect();
        _watch.Mark(SwitchoverPart.Harvest);
        var writer = new DeviceStateWriter();
        await _context.Guest.SaveStateAsync(writer, _cancel).ConfigureAwait(false);
        byte[] state = DeviceStateCodec.Encode(writer.ToDeviceState());
        _watch.Mark(SwitchoverPart.StateSave);

        // Saving devices may write memory: the last collect comes after it.
        _collect();
        _watch.RemainingPages = _pending.Count();
        _watch.Mark(SwitchoverPart.Harvest);

        var allSent = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var round = new PageRound(_context.NextRound++, _context.Guest.Memory, _pending, null);
        _round = _context.Transport.SendRoundAsync(round, allSent.SetResult, _cancel);
        _stateBytes = state.Length;
        _stateDigest = XxHash3.HashToUInt64(state);
        for (int offset = 0; offset < state.Length; offset += ControlFrameCodec.MaxChunkBytes)
        {
            int at = offset;
            await _context.Transport.SendAsync(
                ControlKind.DeviceState, (state, at),
                static (m, w) => DeviceStateMessage.Write(w, m.at, m.state.AsSpan(m.at, Math.Min(ControlFrameCodec.MaxChunkBytes, m.state.Length - m.at))),
                _cancel).ConfigureAwait(false);
        }

        await Task.WhenAny(allSent.Task, _round).ConfigureAwait(false);
        if (_round.IsFaulted || _round.IsCanceled)
        {
            await _round.ConfigureAwait(false);
        }

        _enter(MigrationPhase.Prepare);
        return SourceEvent.PassSent;
    }

    private async Task<SourceEvent> SendPrepareAsync()
    {
        var prepare = new PrepareMessage
        {
            Rehearsal = Rehearsal,
            Attempt = _context.Identity.Attempt,
            GuestId = _context.Ownership.GuestId,
            Epoch = _context.Ownership.Epoch,
            LayoutDigest = LayoutDigest.Of(_context.Guest.Memory.Layout),
            StateBytes = _stateBytes,
            StateDigest = _stateDigest,
            Totals = [.. _context.Transport.Totals],
        };
        await _context.Transport.SendAsync(ControlKind.Prepare, prepare, static (m, w) => m.Write(w), _cancel).ConfigureAwait(false);
        await _round!.ConfigureAwait(false);
        _watch.Mark(SwitchoverPart.Pages);
        return await WaitForDestinationAsync(ControlKind.Prepared).ConfigureAwait(false);
    }

    private async Task<SourceEvent> SendCommitAsync()
    {
        _watch.Mark(SwitchoverPart.Commit);
        _enter(MigrationPhase.Resume);
        await _context.Transport.SendAsync(
            ControlKind.Commit, new CommitMessage(_context.Identity.Attempt, _context.Ownership.Epoch + 1), static (m, w) => m.Write(w)).ConfigureAwait(false);
        return await WaitForDestinationAsync(ControlKind.Running).ConfigureAwait(false);
    }

    // After the commit cancelling is too late: the wait is then bounded by the resume timer alone.
    private async Task<SourceEvent> WaitForDestinationAsync(ControlKind wanted)
    {
        using var limit = new CancellationTokenSource(_context.Options.ResumeTimeout, _context.Options.TimeProvider);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, wanted == ControlKind.Prepared && !_cancelSeen ? _cancel : CancellationToken.None);
        try
        {
            while (true)
            {
                InboxMessage message = await _context.Transport.NextAsync(both.Token).ConfigureAwait(false);
                if (message is { Kind: ControlKind.Prepared, Body: PreparedMessage prepared } && wanted == ControlKind.Prepared
                    && prepared.Attempt == _context.Identity.Attempt && prepared.Epoch == _context.Ownership.Epoch)
                {
                    _watch.Prepared(prepared.Restore + prepared.Journal);
                    _enter(MigrationPhase.Commit);
                    return SourceEvent.Prepared;
                }

                if (message is { Kind: ControlKind.Running, Body: RunningMessage running } && wanted == ControlKind.Running
                    && running.Attempt == _context.Identity.Attempt)
                {
                    _watch.Running(running.ReadRecord, _context.Transport.RoundTrip / 2);
                    return SourceEvent.DestinationRuns;
                }

                throw ControlFrameCodec.Violation($"a {message.Kind} frame came where {wanted} was due");
            }
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            _failure ??= new MigrationException(
                MigrationErrorKind.Timeout,
                $"The destination did not say {wanted} within {_context.Options.ResumeTimeout.TotalSeconds:0} s. Look at its log for migration {_context.Identity.Id}.")
            { Phase = Phase, DetectedBy = DetectedBy.Supervisor };
            return SourceEvent.TimedOut;
        }
    }

    private async Task<SourceEvent> CreateAsync(OwnershipRecord record)
    {
        if (_waited)
        {
            await Task.Delay(RecordPoll, _context.Options.TimeProvider).ConfigureAwait(false);
        }

        CreateOutcome outcome;
        try
        {
            outcome = await Store!.CreateAsync(record, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (e is MigrationException or IOException or UnauthorizedAccessException)
        {
            // Whether it was created is not known: that is what reading is for.
            _failure ??= SessionFailure.Complete(e, Phase);
            outcome = CreateOutcome.Unknown;
        }

        _seen = outcome == CreateOutcome.Created ? record : _seen;
        return outcome == CreateOutcome.Created ? SourceEvent.EpochCreated : SourceEvent.EpochNotCreated;
    }

    private async Task<SourceEvent> ReadRecordAsync()
    {
        if (_watch.SincePause > _context.Options.ResumeTimeout)
        {
            return SourceEvent.TimedOut;
        }

        if (_waited)
        {
            await Task.Delay(RecordPoll, _context.Options.TimeProvider).ConfigureAwait(false);
        }

        _waited = true;
        try
        {
            OwnershipRecord? record = await Store!.ReadAsync(_context.Ownership.GuestId, CancellationToken.None).ConfigureAwait(false);
            _seen = record ?? _seen;
            if (record is null || record.Epoch == _context.Ownership.Epoch)
            {
                return SourceEvent.RecordUnchanged;
            }

            if (record.Holder == _context.Ownership.Run)
            {
                return SourceEvent.RecordIsSource;
            }

            if (record != _context.NextRecord)
            {
                return SourceEvent.RecordIsForeign;
            }

            OwnershipMark mark = await Store.ReadMarkAsync(_context.Ownership.GuestId, record.Epoch, CancellationToken.None).ConfigureAwait(false);
            return mark == OwnershipMark.Running && _state == SourceState.Committed ? SourceEvent.DestinationRuns : SourceEvent.RecordIsDestination;
        }
        catch (Exception e) when (e is MigrationException or IOException or UnauthorizedAccessException)
        {
            _failure ??= SessionFailure.Complete(e, Phase);
            return SourceEvent.RecordUnreadable;
        }
    }

    private async Task<SourceEvent> AbortAndResumeAsync()
    {
        ulong epoch = _seen is { } record && record.Holder == _context.Ownership.Run ? record.Epoch : _context.Ownership.Epoch;
        await _context.Guest.ResumeAsync(epoch, CancellationToken.None).ConfigureAwait(false);
        _watch.ResumedHere();
        Epoch = epoch;
        await SayAbortAsync().ConfigureAwait(false);
        return SourceEvent.Resumed;
    }

    private ulong? Epoch { get; set; }

    private Task SayAbortAsync() => _context.Transport.SayAsync(
        _failure ?? new MigrationException(MigrationErrorKind.Cancelled, "The source ended the attempt.") { Phase = Phase, DetectedBy = DetectedBy.Supervisor });

    private async Task<SwitchoverResult> EndAsync(SourceEffect effect)
    {
        switch (effect)
        {
            case SourceEffect.PowerOff:
                await _context.Guest.PowerOffAsync(CancellationToken.None).ConfigureAwait(false);
                _context.Journal?.Append(JournalEntryKind.MovedAway, _context.Identity.Attempt, _context.Ownership.Epoch + 1);
                return Result(GuestWhereabouts.RunningAtDestination, _context.Ownership.Epoch + 1, null);
            case SourceEffect.Hold:
                _context.Journal?.Append(JournalEntryKind.Held, _context.Identity.Attempt, _seen?.Epoch ?? _context.Ownership.Epoch);
                return Result(GuestWhereabouts.Held, _seen?.Epoch ?? _context.Ownership.Epoch, InDoubt());
            case SourceEffect.AbortOnly:
                await SayAbortAsync().ConfigureAwait(false);
                break;
        }

        _context.Journal?.Append(JournalEntryKind.RunsHere, _context.Identity.Attempt, Epoch ?? _context.Ownership.Epoch);
        return Result(GuestWhereabouts.RunningAtSource, Epoch ?? _context.Ownership.Epoch, _failure);
    }

    private MigrationException InDoubt() => new(
        MigrationErrorKind.InDoubt,
        $"It is not known here whether the guest runs at the destination; it stays paused. {(Store is null ? "There is no ownership store: look at the destination" : $"Read the record of guest {_context.Ownership.GuestId} ({Store.Description})")} before anything is started. Cause: {_failure?.Message ?? "none"}",
        _failure)
    {
        Phase = _failure?.Phase ?? Phase,
        DetectedBy = _failure?.DetectedBy ?? DetectedBy.Supervisor,
    };

    private SwitchoverResult Result(GuestWhereabouts guest, ulong epoch, MigrationException? failure) => new()
    {
        Guest = guest,
        Epoch = epoch,
        Failure = failure,
        Parts = _watch.Parts,
        Blackout = _watch.Blackout,
        RemainingPages = _watch.RemainingPages,
    };
}
