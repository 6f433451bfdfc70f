using Answer = PageEngine.Switchover.Transition<PageEngine.Switchover.DestinationState, PageEngine.Switchover.DestinationEffect>;
using Does = PageEngine.Switchover.DestinationEffect;
using On = PageEngine.Switchover.DestinationEvent;
using State = PageEngine.Switchover.DestinationState;

namespace PageEngine.Switchover;

// Owns: every decision of the destination from the moment the handshake is over. Pure: no thread, clock or I/O.
// Invariant: ResumeGuest is answered only after the record named this run and attempt and "resuming" is durable. Once
// the answer to PREPARE may have left, Discard is answered only to an epoch above e that is not this run's.

/// <summary>
/// The destination's transition table.
/// <code>
/// Receiving ─ Restoring ─ JournalingPrepared ─ Prepared ◄──► Reading ─ RaisingGuards ─ MarkingResuming ─ Resuming ─ MarkingRunning ─ RunsHere
///     │           └─ Abandoning ─┘                └ Claiming ─┘ │            └ JournalingHandBack ─ HandingBack ─┐
/// Discarded ◄──────── Discarding ◄──────────────────────────────┴─────────────────────────────────────────────────┘
/// restarted without memory: EmptyReading ─ EmptyFreeing | EmptyHandingBack ─ Discarded;  without a store: Prepared ─ RaisingGuards | Held
/// </code>
/// The driver's duties are those of <see cref="SourceSwitchover"/>. A copy that is not yet prepared goes on to
/// Prepared when the connection is lost: it may be the only complete one.
/// </summary>
internal static class DestinationSwitchover
{
    /// <summary>Tells what an event does in a state.</summary>
    /// <returns>The next state and effects; <see cref="Answer.IsUnexpected"/> when the two do not go together.</returns>
    public static Answer Next(State state, On e, OwnershipMode mode) => state switch
    {
        State.Receiving or State.Restoring or State.JournalingPrepared or State.Abandoning => BeforeAnswer(state, e, mode),
        State.Prepared or State.Reading or State.Claiming when mode == OwnershipMode.Store => Prepared(state, e),
        State.Prepared when mode == OwnershipMode.NoStore => PreparedWithoutStore(e),
        State.RaisingGuards => RaisingGuards(e, mode),
        State.MarkingResuming or State.MarkWaiting or State.Resuming or State.ResumeWaiting => Resuming(state, e),
        State.MarkingRunning or State.RunningUnmarked or State.RunsHere => Running(state, e, mode),
        State.JournalingHandBack or State.HandingBack or State.HandBackReading or State.HandBackWaiting
            when mode == OwnershipMode.Store => HandingBack(state, e),
        State.Discarding => e == On.CopyDiscarded
            ? new(State.Discarded, Does.JournalSettled, Does.ReportDiscarded)
            : Elsewhere(state, e),
        State.Discarded or State.Lost => Elsewhere(state, e),
        State.Held => Held(e, mode),
        State.Restarted => Restarted(e, mode),
        State.EmptyReading or State.EmptyWaiting or State.EmptyFreeing or State.EmptyHandingBack
            when mode == OwnershipMode.Store => Empty(state, e),
        State.HeldEmpty => HeldEmpty(e, mode),
        _ => default,
    };

    /// <summary>As <see cref="Next"/>, for a driver: what does not go together is an error that names both.</summary>
    /// <exception cref="MigrationException">A message came out of order, or an answer nobody asked for.</exception>
    public static Answer NextOrThrow(State state, On e, OwnershipMode mode)
    {
        Answer answer = Next(state, e, mode);
        return answer.IsUnexpected ? throw SwitchoverErrors.Unexpected("destination", state, e, IsMessage(e)) : answer;
    }

    /// <summary>Tells why nobody may be running in a state, as far as the destination can tell.</summary>
    public static HoldReason HoldOf(State state, OwnershipMode mode) => state switch
    {
        State.Prepared => mode == OwnershipMode.Store ? HoldReason.SourceSilent : HoldReason.NoStore,
        State.Reading or State.Claiming => HoldReason.StoreUnreachable,
        State.MarkWaiting => HoldReason.StoreUnreachable,
        State.ResumeWaiting => HoldReason.GuestDoesNotResume,
        State.JournalingHandBack or State.HandingBack or State.HandBackReading or State.HandBackWaiting => HoldReason.HandBackPending,
        State.Held => mode == OwnershipMode.Store ? HoldReason.RecordForeign : HoldReason.NoStore,
        State.EmptyReading or State.EmptyWaiting or State.EmptyFreeing or State.EmptyHandingBack => HoldReason.StoreUnreachable,
        State.HeldEmpty => mode == OwnershipMode.Store ? HoldReason.MemoryGoneAfterResuming : HoldReason.MemoryGone,
        _ => HoldReason.None,
    };

    /// <summary>Tells whether nothing more will happen.</summary>
    public static bool IsEnd(State state) => state is State.RunsHere or State.Discarded or State.Lost;

    private static bool IsMessage(On e) => e is On.PrepareReceived or On.CommitReceived or On.AbortReceived;

    private static Answer BeforeAnswer(State state, On e, OwnershipMode mode) => (state, e) switch
    {
        (State.Receiving, On.PrepareReceived) => new(State.Restoring, Does.RestoreAndCheck),
        (State.Receiving, On.AbortReceived or On.ConnectionLost or On.CancelRequested or On.AttemptFailed) =>
            new(State.Discarding, Does.SendRefused, Does.Discard),

        (State.Restoring, On.RestoreDone) => new(State.JournalingPrepared, Does.JournalPrepared),
        (State.Restoring, On.RestoreFailed) => new(State.Discarding, Does.SendRefused, Does.Discard),
        (State.JournalingPrepared, On.PreparedJournaled) => mode == OwnershipMode.Store
            ? new(State.Prepared, Does.SendPrepared, Does.StartRetryTimer)
            : new(State.Prepared, Does.SendPrepared),
        (State.JournalingPrepared, On.JournalFailed) => new(State.Discarding, Does.SendRefused, Does.Discard),
        (State.Restoring or State.JournalingPrepared, On.AbortReceived or On.CancelRequested or On.AttemptFailed) =>
            new(State.Abandoning, Does.StopLocalWork),

        (State.Abandoning, On.RestoreDone or On.RestoreFailed or On.PreparedJournaled or On.JournalFailed) =>
            new(State.Discarding, Does.SendRefused, Does.Discard),

        // The answer has not left: a COMMIT breaks the protocol.
        (_, On.CommitReceived) => default,
        _ => Elsewhere(state, e),
    };

    private static Answer Prepared(State state, On e) => (state, e) switch
    {
        (State.Prepared, On.CommitReceived or On.AbortReceived or On.RetryDue or On.OperatorResumes or On.OperatorReturns) =>
            new(State.Reading, Does.ReadRecord),
        (State.Prepared, On.PrepareReceived) => new(state, Does.SendPrepared),
        (State.Prepared, On.ClaimDue) => new(State.Claiming, Does.CreateOwnEpoch),

        // Created or not: this run resumes only on what it has read.
        (State.Claiming, On.EpochCreated or On.EpochConflict or On.EpochUnknown) => new(State.Reading, Does.ReadRecord),

        (State.Reading, On.RecordAtBase or On.RecordUnreadable) => new(State.Prepared, Does.StartRetryTimer),
        (State.Reading, On.RecordOwn) => new(State.RaisingGuards, Does.RaiseGuards),

        // Only after a restart that found the guest alive: the guards were raised before the mark. Marking again is
        // harmless and leaves the note in the journal that a crash may have kept out of it.
        (State.Reading, On.RecordOwnResuming or On.RecordOwnRunning) => new(State.MarkingResuming, Does.MarkResuming),
        (State.Reading, On.RecordOther) => new(State.Discarding, Does.Discard),
        (State.Reading, On.RecordForeign) => new(State.Held, Does.ReportHeld),

        (_, On.CancelRequested) => new(state, Does.ReportTooLate),
        (_, On.RetryPeriodOver) => new(state, Does.ReportHeld),
        _ => Elsewhere(state, e),
    };

    private static Answer PreparedWithoutStore(On e) => e switch
    {
        On.CommitReceived or On.OperatorResumes => new(State.RaisingGuards, Does.RaiseGuards),
        On.AbortReceived or On.OperatorReturns => new(State.Discarding, Does.Discard),
        On.PrepareReceived => new(State.Prepared, Does.SendPrepared),
        On.ConnectionLost => new(State.Held, Does.ReportHeld),
        On.CancelRequested => new(State.Prepared, Does.ReportTooLate),
        On.RetryPeriodOver => new(State.Prepared, Does.ReportHeld),
        _ => Elsewhere(State.Prepared, e),
    };

    private static Answer RaisingGuards(On e, OwnershipMode mode) => e switch
    {
        On.GuardsRaised => new(State.MarkingResuming, Does.MarkResuming),
        On.GuardsFailed => mode == OwnershipMode.Store
            ? new(State.JournalingHandBack, Does.JournalHandBack)
            : new(State.Held, Does.ReportHeld),
        On.CancelRequested => new(State.RaisingGuards, Does.ReportTooLate),
        _ => Elsewhere(State.RaisingGuards, e),
    };

    // From the first attempt to mark on, nobody hands back automatically: the mark may be there.
    private static Answer Resuming(State state, On e) => (state, e) switch
    {
        (State.MarkingResuming, On.Marked) => new(State.Resuming, Does.ResumeGuest),
        (State.MarkingResuming, On.MarkFailed) => new(State.MarkWaiting, Does.StartRetryTimer),
        (State.MarkWaiting, On.RetryDue or On.ClaimDue) => new(State.MarkingResuming, Does.MarkResuming),
        (State.Resuming, On.GuestResumed) => new(State.MarkingRunning, Does.SendRunning, Does.MarkRunning),
        (State.Resuming, On.ResumeFailed) => new(State.ResumeWaiting, Does.StartRetryTimer),
        (State.ResumeWaiting, On.RetryDue or On.ClaimDue) => new(State.Resuming, Does.ResumeGuest),
        (State.MarkWaiting or State.ResumeWaiting, On.RetryPeriodOver) => new(state, Does.ReportHeld),
        (_, On.CancelRequested) => new(state, Does.ReportTooLate),
        _ => Elsewhere(state, e),
    };

    private static Answer Running(State state, On e, OwnershipMode mode) => (state, e) switch
    {
        (State.MarkingRunning, On.Marked) => new(State.RunsHere, Does.JournalSettled, Does.ReportMoved),
        (State.MarkingRunning, On.MarkFailed) => new(State.RunningUnmarked, Does.StartRetryTimer),
        (State.RunningUnmarked, On.RetryDue or On.ClaimDue) => new(State.MarkingRunning, Does.SendRunning, Does.MarkRunning),

        // The guest runs, only the mark is missing: the journal stays open, so that a restart knows.
        (State.RunningUnmarked, On.RetryPeriodOver) => new(State.RunsHere, Does.ReportMoved),
        (_, On.CommitReceived or On.PrepareReceived) => new(state, Does.SendRunning),

        // Without a store ABORT is the source's word that it runs.
        (_, On.AbortReceived) when mode == OwnershipMode.NoStore => default,
        (_, On.CancelRequested) => new(state, Does.ReportTooLate),
        _ => Elsewhere(state, e),
    };

    // A create may still happen after it was given up, and then the source runs: this run never resumes again, not
    // even after a restart. That is why the journal comes first.
    private static Answer HandingBack(State state, On e) => (state, e) switch
    {
        (State.JournalingHandBack, On.HandBackJournaled) => new(State.HandingBack, Does.CreateHandBackEpoch),
        (State.JournalingHandBack, On.JournalFailed) => new(State.HandBackWaiting, Does.StartRetryTimer),
        (State.HandingBack, On.EpochCreated) => new(State.Discarding, Does.SendHandedBack, Does.Discard),
        (State.HandingBack, On.EpochConflict or On.EpochUnknown) => new(State.HandBackReading, Does.ReadRecord),
        (State.HandBackReading, On.RecordOther) => new(State.Discarding, Does.SendHandedBack, Does.Discard),
        (State.HandBackReading, On.RecordAtBase or On.RecordOwn or On.RecordOwnResuming or On.RecordOwnRunning
            or On.RecordForeign or On.RecordUnreadable) => new(State.HandBackWaiting, Does.StartRetryTimer),
        (State.HandBackWaiting, On.RetryDue or On.ClaimDue or On.OperatorReturns or On.OperatorResumes) =>
            new(State.JournalingHandBack, Does.JournalHandBack),
        (_, On.CancelRequested) => new(state, Does.ReportTooLate),
        (_, On.RetryPeriodOver) => new(state, Does.ReportHeld),
        _ => Elsewhere(state, e),
    };

    private static Answer Held(On e, OwnershipMode mode) => (mode, e) switch
    {
        // With a store nobody may overrule the record, not even an operator: look again.
        (OwnershipMode.Store, On.RetryDue or On.ClaimDue or On.OperatorResumes or On.OperatorReturns) =>
            new(State.Reading, Does.ReadRecord),
        (OwnershipMode.NoStore, On.CommitReceived or On.OperatorResumes) => new(State.RaisingGuards, Does.RaiseGuards),
        (OwnershipMode.NoStore, On.AbortReceived or On.OperatorReturns) => new(State.Discarding, Does.Discard),
        (_, On.CancelRequested) => new(State.Held, Does.ReportTooLate),
        (_, On.RetryPeriodOver) => new(State.Held, Does.ReportHeld),
        _ => Elsewhere(State.Held, e),
    };

    private static Answer Restarted(On e, OwnershipMode mode) => (e, mode) switch
    {
        (On.RestartedWithGuest, OwnershipMode.Store) => new(State.Reading, Does.ReadRecord),
        (On.RestartedWithGuest, OwnershipMode.NoStore) => new(State.Held, Does.ReportHeld),
        (On.RestartedResuming, OwnershipMode.Store) => new(State.Reading, Does.ReadRecord),

        // COMMIT had come, and without a store nobody can take it back.
        (On.RestartedResuming, OwnershipMode.NoStore) => new(State.Resuming, Does.ResumeGuest),
        (On.RestartedHandingBack, OwnershipMode.Store) => new(State.HandBackReading, Does.ReadRecord),
        (On.RestartedEmpty, OwnershipMode.Store) => new(State.EmptyReading, Does.ReadRecord),
        (On.RestartedEmpty, OwnershipMode.NoStore) => new(State.HeldEmpty, Does.ReportHeld),
        _ => Elsewhere(State.Restarted, e),
    };

    private static Answer Empty(State state, On e) => (state, e) switch
    {
        (State.EmptyReading, On.RecordAtBase) => new(State.EmptyFreeing, Does.CreateEpochForSource),
        (State.EmptyReading, On.RecordOwn) => new(State.EmptyHandingBack, Does.CreateHandBackEpoch),
        (State.EmptyReading, On.RecordOwnResuming or On.RecordForeign) => new(State.HeldEmpty, Does.ReportHeld),
        (State.EmptyReading, On.RecordOwnRunning) => new(State.Lost, Does.JournalSettled, Does.ReportLost),
        (State.EmptyReading, On.RecordOther) => new(State.Discarded, Does.JournalSettled, Does.ReportDiscarded),
        (State.EmptyReading, On.RecordUnreadable) => new(State.EmptyWaiting, Does.StartRetryTimer),
        (State.EmptyFreeing or State.EmptyHandingBack, On.EpochCreated) =>
            new(State.Discarded, Does.SendHandedBack, Does.JournalSettled, Does.ReportDiscarded),
        (State.EmptyFreeing or State.EmptyHandingBack, On.EpochConflict or On.EpochUnknown) =>
            new(State.EmptyWaiting, Does.StartRetryTimer),
        (State.EmptyWaiting, On.RetryDue or On.ClaimDue or On.OperatorResumes or On.OperatorReturns) =>
            new(State.EmptyReading, Does.ReadRecord),
        (_, On.CancelRequested) => new(state, Does.ReportTooLate),
        (_, On.RetryPeriodOver) => new(state, Does.ReportHeld),
        _ => Elsewhere(state, e),
    };

    private static Answer HeldEmpty(On e, OwnershipMode mode) => (mode, e) switch
    {
        (OwnershipMode.Store, On.RetryDue or On.ClaimDue or On.OperatorResumes) => new(State.EmptyReading, Does.ReadRecord),

        // The operator knows that what ran here had no effects that matter, or accepts their loss.
        (OwnershipMode.Store, On.OperatorReturns) => new(State.EmptyHandingBack, Does.CreateHandBackEpoch),
        (OwnershipMode.NoStore, On.OperatorReturns or On.AbortReceived) =>
            new(State.Discarded, Does.JournalSettled, Does.ReportDiscarded),

        // The operator says that the source is dead, and nothing is here.
        (OwnershipMode.NoStore, On.OperatorResumes) => new(State.Lost, Does.JournalSettled, Does.ReportLost),
        (_, On.CancelRequested) => new(State.HeldEmpty, Does.ReportTooLate),
        (_, On.RetryPeriodOver) => new(State.HeldEmpty, Does.ReportHeld),
        _ => Elsewhere(State.HeldEmpty, e),
    };

    // Messages, timers and requests may come at any time and mean nothing where no row names them. Answers may not:
    // one that no state asked for is a bug of the driver.
    private static Answer Elsewhere(State state, On e) =>
        IsMessage(e) || e is On.ConnectionLost or On.CancelRequested or On.AttemptFailed or On.RetryDue or On.ClaimDue
            or On.RetryPeriodOver or On.OperatorResumes or On.OperatorReturns
            ? new(state)
            : default;
}
