using PageEngine.Ownership;
using PageEngine.Switchover;
using Answer = PageEngine.Switchover.Transition<PageEngine.Switchover.SourceState, PageEngine.Switchover.SourceEffect>;

namespace PageEngine.Recovery;

// Owns: the effects of a restarted source. Switchover/SourceSwitchover.cs decides; this carries out and reports back. There
// is no connection: every message is answered with the loss of it.

internal sealed class SourceRestart(RestartContext context)
{
    private SourceState _state = SourceState.Restarted;
    private SourceEvent _lastSeen;
    private ulong _epoch = context.Attempt.BaseEpoch;
    private bool _timerRuns;
    private bool _noConnection;
    private bool _wordWasSaid;
    private RecoveryResult? _result;

    private OperatorWord Word => context.Options.Operator;

    public async Task<RecoveryResult> RunAsync(SourceEvent happened)
    {
        while (true)
        {
            if (IsRefused(happened))
            {
                return Result(RecoveryOutcome.Refused);
            }

            Answer answer = SourceSwitchover.NextOrThrow(_state, happened, context.Mode);
            if (answer.State != _state)
            {
                context.Logger.Restarted(context.Open.MigrationId, context.Side, answer.State.ToString(), happened.ToString());
                _timerRuns = false;
            }

            _state = answer.State;
            SourceEvent answered = SourceEvent.None;
            for (int i = 0; i < answer.Count && _result is null; i++)
            {
                SourceEvent said = await CarryOutAsync(answer[i]).ConfigureAwait(false);
                answered = said == SourceEvent.None ? answered : said;
            }

            if (_result is not null)
            {
                return _result;
            }

            happened = answered == SourceEvent.None ? await NextAsync().ConfigureAwait(false) : answered;
            if (happened == SourceEvent.None)
            {
                return Result(RecoveryOutcome.Held);
            }
        }
    }

    // What the record proves wrong is said before anything is done.
    private bool IsRefused(SourceEvent happened) =>
        Word == OperatorWord.OtherSideIsDead && context.HasCopy && happened == SourceEvent.RecordRunning;

    private async Task<SourceEvent> CarryOutAsync(SourceEffect effect)
    {
        switch (effect)
        {
            case SourceEffect.ReadRecord:
                return await ReadAsync(anew: false).ConfigureAwait(false);
            case SourceEffect.ReadRecordAnew:
                return await ReadAsync(anew: true).ConfigureAwait(false);
            case SourceEffect.CreateEpochForSource:
                // A copy that cannot be had must not take the guest away from a destination that may have a good one.
                return await context.TryAsync(context.OpenCopyAsync).ConfigureAwait(false)
                    ? await CreateAsync(context.Attempt.ForSource).ConfigureAwait(false)
                    : SourceEvent.EpochUnknown;
            case SourceEffect.CreateHandBackEpoch:
                return await context.TryAsync(context.OpenCopyAsync).ConfigureAwait(false)
                    ? await CreateAsync(context.Attempt.HandBack).ConfigureAwait(false)
                    : SourceEvent.EpochUnknown;
            case SourceEffect.ResumeGuestAtBase:
                _epoch = context.Attempt.BaseEpoch;
                return await ResumeAsync().ConfigureAwait(false);
            case SourceEffect.ResumeGuestAtOwnEpoch:
                return await ResumeAsync().ConfigureAwait(false);
            case SourceEffect.FreeMemory:
                await context.DiscardAsync(mustNeverRun: true).ConfigureAwait(false);
                return SourceEvent.MemoryFreed;
            case SourceEffect.SendCommit:
                _noConnection = true;
                break;
            case SourceEffect.SendAbort or SourceEffect.StartRunningTimer or SourceEffect.ReportTooLate:
                // Hints to a peer that is not there, and a wait for it that the lost connection replaces.
                break;
            case SourceEffect.StartRetryTimer:
                _timerRuns = true;
                _noConnection = false;
                break;
            case SourceEffect.JournalSettled:
                await context.SettleAsync().ConfigureAwait(false);
                break;
            case SourceEffect.ReportRunsHere:
                _result = Result(RecoveryOutcome.RunsHere);
                break;
            case SourceEffect.ReportMoved:
                _result = Result(RecoveryOutcome.RunsElsewhere);
                break;
            case SourceEffect.ReportLost:
                _result = Result(RecoveryOutcome.Lost);
                break;
            case SourceEffect.ReportHeld:
                // What the operator says may still settle it.
                _result = Spoken() != SourceEvent.None ? null : Result(Refuted() ? RecoveryOutcome.Refused : RecoveryOutcome.Held);
                break;
            default:
                throw new MigrationException(MigrationErrorKind.Internal, $"A restarted source has no step for {effect}.");
        }

        return SourceEvent.None;
    }

    // The record was read anew because of the operator, and says that the destination had begun.
    private bool Refuted() => _wordWasSaid && Word == OperatorWord.OtherSideIsDead && _lastSeen == SourceEvent.RecordResuming;

    private async Task<SourceEvent> NextAsync()
    {
        if (_noConnection)
        {
            _noConnection = false;
            return SourceEvent.ConnectionLost;
        }

        if (Spoken() is not SourceEvent.None and SourceEvent spoken)
        {
            _wordWasSaid = true;
            context.NoteOperator(Word);
            return spoken;
        }

        if (await context.WaitAsync().ConfigureAwait(false))
        {
            return _timerRuns ? SourceEvent.RetryDue : SourceEvent.None;
        }

        return SourceEvent.None;
    }

    /// <summary>Gets the event that the operator's word is here and now; each word is said once.</summary>
    private SourceEvent Spoken() => (_wordWasSaid, Word, context.Mode, _state) switch
    {
        (false, OperatorWord.OtherSideIsDead, OwnershipMode.Store, SourceState.Granted or SourceState.EmptyWaiting) => SourceEvent.OperatorTakesBack,
        (false, OperatorWord.OtherSideIsDead, OwnershipMode.NoStore, SourceState.Held or SourceState.EmptyWaiting) => SourceEvent.OperatorResumes,
        (false, OperatorWord.OtherSideRuns, OwnershipMode.NoStore, SourceState.Held or SourceState.EmptyWaiting) => SourceEvent.OperatorReleases,
        _ => SourceEvent.None,
    };

    private async Task<SourceEvent> ReadAsync(bool anew)
    {
        if (!await context.TryReadAsync(anew).ConfigureAwait(false))
        {
            return SourceEvent.RecordUnreadable;
        }

        _lastSeen = context.Attempt.SeenFromSource(context.Record, context.Mark);
        _epoch = _lastSeen == SourceEvent.RecordOwn ? context.Record!.Epoch : _epoch;
        return _lastSeen;
    }

    private async Task<SourceEvent> CreateAsync(OwnershipRecord record)
    {
        CreateOutcome outcome = await context.CreateAsync(record).ConfigureAwait(false);
        _epoch = outcome == CreateOutcome.Created ? record.Epoch : _epoch;
        return outcome switch
        {
            CreateOutcome.Created => SourceEvent.EpochCreated,
            CreateOutcome.Conflict => SourceEvent.EpochConflict,
            _ => SourceEvent.EpochUnknown,
        };
    }

    private async Task<SourceEvent> ResumeAsync() => await context.TryAsync(async () =>
    {
        await context.OpenCopyAsync().ConfigureAwait(false);
        await context.RaiseGuardsAsync(_epoch).ConfigureAwait(false);
        await context.ResumeAsync(_epoch).ConfigureAwait(false);
    }).ConfigureAwait(false) ? SourceEvent.GuestResumed : SourceEvent.ResumeFailed;

    private RecoveryResult Result(RecoveryOutcome outcome) => new(
        context.Open,
        outcome,
        RecoveryWords.OfSource(context, outcome, _state, _lastSeen, _epoch))
    {
        Guest = context.Guest,
        Ownership = outcome == RecoveryOutcome.RunsHere
            ? new GuestOwnership(context.Mode == OwnershipMode.Store ? context.Options.Store : null, context.Attempt.GuestId, context.Attempt.SourceRun, _epoch)
            : null,
        Failure = outcome is RecoveryOutcome.Held ? context.Failure : null,
    };
}
