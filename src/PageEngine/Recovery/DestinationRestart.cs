using PageEngine.Ownership;
using PageEngine.Switchover;
using Answer = PageEngine.Switchover.Transition<PageEngine.Switchover.DestinationState, PageEngine.Switchover.DestinationEffect>;

namespace PageEngine.Recovery;

// Owns: the effects of a restarted destination. Switchover/DestinationSwitchover.cs decides; this carries out and reports
// back. There is no connection, and nobody there to be told.

internal sealed class DestinationRestart(RestartContext context)
{
    // A guest that runs is worth more than its mark: the mark is tried for a while, then the journal keeps it.
    private static readonly TimeSpan _longestMarking = TimeSpan.FromSeconds(10);

    private DestinationState _state = DestinationState.Restarted;
    private DestinationEvent _lastSeen;
    private bool _timerRuns;
    private bool _wordWasSaid;
    private bool _markIsMissing;
    private RecoveryResult? _result;

    private OperatorWord Word => context.Options.Operator;

    public async Task<RecoveryResult> RunAsync(DestinationEvent happened)
    {
        while (true)
        {
            if (IsRefused(happened))
            {
                return Result(RecoveryOutcome.Refused);
            }

            Answer answer = DestinationSwitchover.NextOrThrow(_state, happened, context.Mode);
            if (answer.State != _state)
            {
                context.Logger.Restarted(context.Open.MigrationId, context.Side, answer.State.ToString(), happened.ToString());
                _timerRuns = false;
            }

            _state = answer.State;
            DestinationEvent answered = DestinationEvent.None;
            for (int i = 0; i < answer.Count && _result is null; i++)
            {
                DestinationEvent said = await CarryOutAsync(answer[i]).ConfigureAwait(false);
                answered = said == DestinationEvent.None ? answered : said;
            }

            if (_result is not null)
            {
                return _result;
            }

            happened = answered == DestinationEvent.None ? await NextAsync().ConfigureAwait(false) : answered;
            if (happened == DestinationEvent.None)
            {
                return Result(RecoveryOutcome.Held);
            }
        }
    }

    /// <summary>Makes up for the mark of a guest that runs in this process.</summary>
    public Task<RecoveryResult> MarkRunningAsync()
    {
        _state = DestinationState.RunningUnmarked;
        return RunAsync(DestinationEvent.RetryDue);
    }

    // What the record proves wrong is said before anything is done.
    private bool IsRefused(DestinationEvent happened) => (Word, context.HasCopy, _state, happened) switch
    {
        (OperatorWord.OtherSideIsDead, true, DestinationState.Reading, DestinationEvent.RecordOther) => true,
        (OperatorWord.OtherSideRuns, true, DestinationState.Reading,
            DestinationEvent.RecordOwn or DestinationEvent.RecordOwnResuming or DestinationEvent.RecordOwnRunning) => true,
        _ => false,
    };

    private async Task<DestinationEvent> CarryOutAsync(DestinationEffect effect)
    {
        switch (effect)
        {
            case DestinationEffect.ReadRecord:
                return await ReadAsync().ConfigureAwait(false);
            case DestinationEffect.CreateOwnEpoch:
                return await context.TryAsync(context.OpenCopyAsync).ConfigureAwait(false)
                    ? await CreateAsync(context.Attempt.ForDestination).ConfigureAwait(false)
                    : DestinationEvent.EpochUnknown;
            case DestinationEffect.CreateEpochForSource:
                return await CreateAsync(context.Attempt.ForSource).ConfigureAwait(false);
            case DestinationEffect.CreateHandBackEpoch:
                return await CreateAsync(context.Attempt.HandBack).ConfigureAwait(false);
            case DestinationEffect.JournalHandBack:
                return await context.TryAsync(NoteHandBack).ConfigureAwait(false) ? DestinationEvent.HandBackJournaled : DestinationEvent.JournalFailed;
            case DestinationEffect.RaiseGuards:
                return await context.TryAsync(RaiseGuardsAsync).ConfigureAwait(false) ? DestinationEvent.GuardsRaised : DestinationEvent.GuardsFailed;
            case DestinationEffect.MarkResuming:
                return await MarkAsync(JournalEntryKind.Resuming, OwnershipMark.Resuming).ConfigureAwait(false);
            case DestinationEffect.MarkRunning:
                return await MarkAsync(JournalEntryKind.Running, OwnershipMark.Running).ConfigureAwait(false);
            case DestinationEffect.ResumeGuest:
                return await context.TryAsync(() => context.ResumeAsync(context.Attempt.ForDestination.Epoch)).ConfigureAwait(false)
                    ? DestinationEvent.GuestResumed
                    : DestinationEvent.ResumeFailed;
            case DestinationEffect.Discard:
                await context.DiscardAsync(mustNeverRun: true).ConfigureAwait(false);
                return DestinationEvent.CopyDiscarded;
            case DestinationEffect.SendRunning or DestinationEffect.SendHandedBack or DestinationEffect.ReportTooLate:
                // Hints to a source that reads the record anyway.
                break;
            case DestinationEffect.StartRetryTimer:
                _timerRuns = true;
                _markIsMissing = _state == DestinationState.RunningUnmarked;
                break;
            case DestinationEffect.JournalSettled:
                await context.SettleAsync().ConfigureAwait(false);
                break;
            case DestinationEffect.ReportMoved:
                _result = Result(RecoveryOutcome.RunsHere);
                break;
            case DestinationEffect.ReportDiscarded:
                _result = Result(RecoveryOutcome.Discarded);
                break;
            case DestinationEffect.ReportLost:
                _result = Result(RecoveryOutcome.Lost);
                break;
            case DestinationEffect.ReportHeld:
                // What the operator says may still settle it.
                _result = Spoken() == DestinationEvent.None ? Result(RecoveryOutcome.Held) : null;
                break;
            default:
                throw new MigrationException(MigrationErrorKind.Internal, $"A restarted destination has no step for {effect}.");
        }

        return DestinationEvent.None;
    }

    private async Task<DestinationEvent> NextAsync()
    {
        if (Spoken() is not DestinationEvent.None and DestinationEvent spoken)
        {
            _wordWasSaid = true;
            context.NoteOperator(Word);
            return spoken;
        }

        if (await context.WaitAsync(_markIsMissing ? _longestMarking : null).ConfigureAwait(false))
        {
            bool claim = _state == DestinationState.Prepared && context.Elapsed >= context.Options.ClaimTimeout;
            return !_timerRuns ? DestinationEvent.None : claim ? DestinationEvent.ClaimDue : DestinationEvent.RetryDue;
        }

        // The guest runs: there is nothing to hold.
        return _state == DestinationState.RunningUnmarked ? DestinationEvent.RetryPeriodOver : DestinationEvent.None;
    }

    /// <summary>Gets the event that the operator's word is here and now; each word is said once.</summary>
    private DestinationEvent Spoken() => (_wordWasSaid, Word, context.Mode, _state) switch
    {
        // The source is paused for as long as nobody has decided: claiming is safe whether it is dead or not.
        (false, OperatorWord.OtherSideIsDead, OwnershipMode.Store, DestinationState.Prepared) => DestinationEvent.ClaimDue,
        (false, OperatorWord.OtherSideIsDead, OwnershipMode.NoStore, DestinationState.Held or DestinationState.HeldEmpty) => DestinationEvent.OperatorResumes,
        (false, OperatorWord.OtherSideRuns, OwnershipMode.NoStore, DestinationState.Held or DestinationState.HeldEmpty) => DestinationEvent.OperatorReturns,
        (false, OperatorWord.OtherSideRuns, OwnershipMode.Store, DestinationState.HeldEmpty) when _lastSeen == DestinationEvent.RecordOwnResuming =>
            DestinationEvent.OperatorReturns,
        _ => DestinationEvent.None,
    };

    // What this host's journal knows to be marked may be missing in an old answer.
    private async Task<DestinationEvent> ReadAsync()
    {
        if (!await context.TryReadAsync().ConfigureAwait(false))
        {
            return DestinationEvent.RecordUnreadable;
        }

        OwnershipMark known = context.Journal.State.KnownMark;
        return _lastSeen = context.Attempt.SeenFromDestination(context.Record, known > context.Mark ? known : context.Mark);
    }

    private async Task<DestinationEvent> CreateAsync(OwnershipRecord record) => await context.CreateAsync(record).ConfigureAwait(false) switch
    {
        CreateOutcome.Created => DestinationEvent.EpochCreated,
        CreateOutcome.Conflict => DestinationEvent.EpochConflict,
        _ => DestinationEvent.EpochUnknown,
    };

    private async Task<DestinationEvent> MarkAsync(JournalEntryKind entry, OwnershipMark mark) =>
        await context.TryAsync(() => context.MarkAsync(entry, mark)).ConfigureAwait(false) ? DestinationEvent.Marked : DestinationEvent.MarkFailed;

    private ValueTask NoteHandBack()
    {
        context.Journal.Append(JournalEntryKind.HandingBack, context.Attempt.HandBack.Epoch);
        return ValueTask.CompletedTask;
    }

    // A copy that cannot be had is found out here, while the guest can still be given back.
    private async ValueTask RaiseGuardsAsync()
    {
        await context.OpenCopyAsync().ConfigureAwait(false);
        await context.RaiseGuardsAsync(context.Attempt.ForDestination.Epoch).ConfigureAwait(false);
    }

    private RecoveryResult Result(RecoveryOutcome outcome) => new(
        context.Open,
        outcome,
        RecoveryWords.OfDestination(context, outcome, _state, _lastSeen))
    {
        Guest = context.Guest,
        Ownership = outcome == RecoveryOutcome.RunsHere
            ? new GuestOwnership(
                context.Mode == OwnershipMode.Store ? context.Options.Store : null,
                context.Attempt.GuestId,
                context.Attempt.DestinationRun,
                context.Attempt.ForDestination.Epoch)
            : null,
        Failure = outcome is RecoveryOutcome.Held ? context.Failure : null,
    };
}
