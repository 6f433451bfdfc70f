using Answer = PageEngine.Switchover.Transition<PageEngine.Switchover.SourceState, PageEngine.Switchover.SourceEffect>;
using Does = PageEngine.Switchover.SourceEffect;
using On = PageEngine.Switchover.SourceEvent;
using State = PageEngine.Switchover.SourceState;

namespace PageEngine.Switchover;

// Owns: every decision of the source from the moment the policy chose to switch over. Pure: no thread, clock or I/O.
// Invariant: from SendPrepare on, ResumeGuest is answered only to a record whose holder is this run (with a store),
// or while COMMIT cannot have left (without one). FreeMemory is answered only once the guest runs at the destination.

/// <summary>
/// The source's transition table.
/// <code>
/// Copying ─ Journaling ─ Pausing ─ LastPass ─┬─ Preparing ─┬─ Granting ──┬─ Granted ─ Releasing ─ Released
///    │          └─ Withdrawing ─┘            │             └─ Reclaiming ┤     └ GrantedReading
///  RunsHere ◄─────── ResumingAtBase ◄────────┘                  │  ▲     └ Doubting ─ Waiting ┐
///    ▲                                    ResumingAtOwnEpoch ◄──┘  └──────────────────────────┘
///    └──────────────────────────────────────────┘         without a store: Preparing ─ Offered ─ Releasing | Held
/// </code>
/// The driver is one thread. It feeds an event, takes over the new state, then carries out the effects in order.
/// At most one effect that answers is under way at a time; messages, timers and requests may come in between.
/// A message that cannot be sent for want of a connection is answered with <see cref="SourceEvent.ConnectionLost"/>.
/// There is one timer: starting it replaces the one before, a change of state stops it, and what it said before that
/// is dropped. A create that throws is <see cref="SourceEvent.EpochUnknown"/>.
/// </summary>
internal static class SourceSwitchover
{
    /// <summary>Tells what an event does in a state.</summary>
    /// <returns>The next state and effects; <see cref="Answer.IsUnexpected"/> when the two do not go together.</returns>
    public static Answer Next(State state, On e, OwnershipMode mode) => state switch
    {
        State.Copying or State.Journaling or State.Pausing or State.LastPass or State.Withdrawing => BeforePrepare(state, e),
        State.Preparing => Preparing(e, mode),
        State.Granting or State.Reclaiming or State.Doubting or State.Waiting when mode == OwnershipMode.Store => Deciding(state, e),
        State.Granted or State.GrantedReading when mode == OwnershipMode.Store => AfterGrant(state, e),
        State.GrantedChecking or State.TakingBack when mode == OwnershipMode.Store => TakingBack(state, e),
        State.Offered when mode == OwnershipMode.NoStore => Offered(e),
        State.Held => Held(e, mode),
        State.ResumingAtBase or State.ResumeWaitingAtBase or State.ResumingAtOwnEpoch or State.ResumeWaitingAtOwnEpoch => Resuming(state, e),
        State.Releasing => e == On.MemoryFreed
            ? new(State.Released, Does.JournalSettled, Does.ReportMoved)
            : Elsewhere(state, e),
        State.RunsHere => e switch
        {
            // A late answer: its sender should look at the record soon.
            On.PeerPrepared => new(state, Does.SendAbort),
            On.PeerRunning => default,
            _ => Elsewhere(state, e),
        },
        State.Released or State.Lost => Elsewhere(state, e),
        State.Restarted => Restarted(e, mode),
        State.EmptyReading or State.EmptyWaiting => Empty(state, e, mode),
        _ => default,
    };

    /// <summary>As <see cref="Next"/>, for a driver: what does not go together is an error that names both.</summary>
    /// <exception cref="MigrationException">A message came out of order, or an answer nobody asked for.</exception>
    public static Answer NextOrThrow(State state, On e, OwnershipMode mode)
    {
        Answer answer = Next(state, e, mode);
        return answer.IsUnexpected ? throw SwitchoverErrors.Unexpected("source", state, e, IsMessage(e)) : answer;
    }

    /// <summary>Tells why nobody may be running in a state, as far as the source can tell.</summary>
    public static HoldReason HoldOf(State state, OwnershipMode mode) => state switch
    {
        State.Granting or State.Reclaiming or State.Doubting or State.Waiting => HoldReason.StoreUnreachable,
        State.Granted or State.GrantedReading or State.GrantedChecking or State.TakingBack => HoldReason.DestinationSilent,
        State.Offered => HoldReason.NoStore,
        State.Held => mode == OwnershipMode.Store ? HoldReason.RecordForeign : HoldReason.NoStore,
        State.ResumeWaitingAtBase or State.ResumeWaitingAtOwnEpoch => HoldReason.GuestDoesNotResume,
        State.EmptyReading or State.EmptyWaiting => HoldReason.MemoryGone,
        _ => HoldReason.None,
    };

    /// <summary>Tells whether cancelling in a state leaves the guest at the source.</summary>
    public static bool CanCancel(State state) => state is >= State.Copying and <= State.Preparing;

    /// <summary>Tells whether nothing more will happen.</summary>
    public static bool IsEnd(State state) => state is State.RunsHere or State.Released or State.Lost;

    private static bool IsMessage(On e) => e is On.PeerPrepared or On.PeerRefused or On.PeerRunning or On.PeerHandedBack;

    private static bool EndsAttempt(On e) =>
        e is On.CancelRequested or On.AttemptFailed or On.ConnectionLost or On.PeerTimedOut or On.PeerRefused;

    private static Answer BeforePrepare(State state, On e) => (state, e) switch
    {
        (State.Copying, On.SwitchoverDecided) => new(State.Journaling, Does.JournalAttempt),
        (State.Copying, _) when EndsAttempt(e) => new(State.RunsHere, Does.SendAbort, Does.JournalSettled, Does.ReportRunsHere),

        (State.Journaling, On.AttemptJournaled) => new(State.Pausing, Does.PauseGuest),
        (State.Journaling, On.JournalFailed) => new(State.RunsHere, Does.SendAbort, Does.JournalSettled, Does.ReportRunsHere),
        (State.Pausing, On.GuestPaused) => new(State.LastPass, Does.RunLastPass),
        (State.Pausing, On.PauseFailed) => new(State.ResumingAtBase, Does.ResumeGuestAtBase, Does.SendAbort),
        (State.LastPass, On.LastPassDone) => new(State.Preparing, Does.SendPrepare, Does.StartAnswerTimer),
        (State.LastPass, On.LastPassFailed) => new(State.ResumingAtBase, Does.ResumeGuestAtBase, Does.SendAbort),
        (State.Journaling or State.Pausing or State.LastPass, _) when EndsAttempt(e) => new(State.Withdrawing, Does.StopLocalWork),

        (State.Withdrawing, On.AttemptJournaled or On.JournalFailed) =>
            new(State.RunsHere, Does.SendAbort, Does.JournalSettled, Does.ReportRunsHere),
        (State.Withdrawing, On.GuestPaused or On.PauseFailed or On.LastPassDone or On.LastPassFailed) =>
            new(State.ResumingAtBase, Does.ResumeGuestAtBase, Does.SendAbort),

        // PREPARE has not left: an answer to it breaks the protocol.
        (_, On.PeerPrepared or On.PeerRunning or On.PeerHandedBack) => default,
        _ => Elsewhere(state, e),
    };

    private static Answer Preparing(On e, OwnershipMode mode) => (mode, e) switch
    {
        (OwnershipMode.Store, On.PeerPrepared) => new(State.Granting, Does.CreateEpochForDestination),
        (OwnershipMode.Store, On.PeerRunning or On.PeerHandedBack) => new(State.Doubting, Does.ReadRecord),
        (OwnershipMode.Store, _) when EndsAttempt(e) => new(State.Reclaiming, Does.CreateEpochForSource),

        (OwnershipMode.NoStore, On.PeerPrepared) => new(State.Offered, Does.SendCommit, Does.StartRunningTimer),
        (OwnershipMode.NoStore, On.PeerRunning) => new(State.Releasing, Does.FreeMemory),
        (OwnershipMode.NoStore, _) when EndsAttempt(e) => new(State.ResumingAtBase, Does.ResumeGuestAtBase, Does.SendAbort),
        _ => Elsewhere(State.Preparing, e),
    };

    private static Answer Deciding(State state, On e) => (state, e) switch
    {
        (State.Granting, On.EpochCreated) => new(State.Granted, Does.SendCommit, Does.StartRunningTimer),
        (State.Reclaiming, On.EpochCreated) => new(State.ResumingAtOwnEpoch, Does.ResumeGuestAtOwnEpoch, Does.SendAbort),
        (State.Granting or State.Reclaiming, On.EpochConflict or On.EpochUnknown) => new(State.Doubting, Does.ReadRecord),
        (State.Granting, On.CancelRequested) => new(state, Does.ReportTooLate),

        (State.Doubting, On.RecordAtBase or On.RecordUnreadable) => new(State.Waiting, Does.StartRetryTimer),
        (State.Doubting, On.RecordGranted or On.RecordResuming) => new(State.Granted, Does.SendCommit, Does.StartRunningTimer),
        (State.Doubting, On.RecordRunning) => new(State.Releasing, Does.FreeMemory),
        (State.Doubting, On.RecordOwn) => new(State.ResumingAtOwnEpoch, Does.ResumeGuestAtOwnEpoch, Does.SendAbort),
        (State.Doubting, On.RecordForeign) => new(State.Held, Does.ReportHeld),

        (State.Waiting, On.RetryDue) => new(State.Reclaiming, Does.CreateEpochForSource),
        (State.Waiting, On.PeerRunning or On.PeerHandedBack or On.OperatorResumes or On.OperatorReleases or On.OperatorTakesBack) =>
            new(State.Doubting, Does.ReadRecord),
        (_, On.RetryPeriodOver) => new(state, Does.ReportHeld),
        _ => Elsewhere(state, e),
    };

    private static Answer AfterGrant(State state, On e) => (state, e) switch
    {
        (State.Granted, On.PeerRunning) => new(State.Releasing, Does.FreeMemory),
        (State.Granted, On.PeerPrepared) => new(state, Does.SendCommit),
        (State.Granted, On.PeerTimedOut or On.RetryDue or On.PeerHandedBack or On.PeerRefused
            or On.OperatorResumes or On.OperatorReleases) => new(State.GrantedReading, Does.ReadRecord),
        (State.Granted, On.OperatorTakesBack) => new(State.GrantedChecking, Does.ReadRecordAnew),

        // Not at once: a COMMIT that finds no connection ends here too, and must not turn into a tight loop of reads.
        (State.Granted, On.ConnectionLost) => new(state, Does.StartRetryTimer),

        // An older record than the one already seen is a stale read: it only delays.
        (State.GrantedReading, On.RecordAtBase or On.RecordGranted or On.RecordResuming or On.RecordUnreadable) =>
            new(State.Granted, Does.SendCommit, Does.StartRetryTimer),
        (State.GrantedReading, On.RecordRunning) => new(State.Releasing, Does.FreeMemory),
        (State.GrantedReading, On.RecordOwn) => new(State.ResumingAtOwnEpoch, Does.ResumeGuestAtOwnEpoch),
        (State.GrantedReading, On.RecordForeign) => new(State.Held, Does.ReportHeld),

        (_, On.CancelRequested) => new(state, Does.ReportTooLate),
        (_, On.RetryPeriodOver) => new(state, Does.ReportHeld),
        _ => Elsewhere(state, e),
    };

    // The destination is dead, an operator says, and cannot give the guest back itself. That it has not marked "resuming"
    // proves that its guest has not run; that its copy will not be started later is the operator's word. Whoever marked has
    // to give back himself: only there can be known what became of the memory.
    private static Answer TakingBack(State state, On e) => (state, e) switch
    {
        (State.GrantedChecking, On.RecordGranted) => new(State.TakingBack, Does.CreateHandBackEpoch),
        (State.GrantedChecking, On.RecordAtBase or On.RecordResuming or On.RecordUnreadable) => new(State.Granted, Does.ReportHeld),
        (State.GrantedChecking, On.RecordRunning) => new(State.Releasing, Does.FreeMemory),
        (State.GrantedChecking, On.RecordOwn) => new(State.ResumingAtOwnEpoch, Does.ResumeGuestAtOwnEpoch),
        (State.GrantedChecking, On.RecordForeign) => new(State.Held, Does.ReportHeld),
        (State.TakingBack, On.EpochCreated) => new(State.ResumingAtOwnEpoch, Does.ResumeGuestAtOwnEpoch),
        (State.TakingBack, On.EpochConflict or On.EpochUnknown) => new(State.GrantedReading, Does.ReadRecord),
        (_, On.CancelRequested) => new(state, Does.ReportTooLate),
        (_, On.RetryPeriodOver) => new(state, Does.ReportHeld),
        _ => Elsewhere(state, e),
    };

    private static Answer Offered(On e) => e switch
    {
        On.PeerRunning => new(State.Releasing, Does.FreeMemory),
        On.ConnectionLost or On.PeerTimedOut or On.PeerRefused or On.AttemptFailed => new(State.Held, Does.ReportHeld),
        On.CancelRequested => new(State.Offered, Does.ReportTooLate),
        _ => Elsewhere(State.Offered, e),
    };

    private static Answer Held(On e, OwnershipMode mode) => (mode, e) switch
    {
        // With a store nobody may overrule the record, not even an operator: look again.
        (OwnershipMode.Store, On.RetryDue or On.OperatorResumes or On.OperatorReleases or On.OperatorTakesBack) =>
            new(State.Doubting, Does.ReadRecord),
        (OwnershipMode.NoStore, On.PeerRunning or On.OperatorReleases) => new(State.Releasing, Does.FreeMemory),
        (OwnershipMode.NoStore, On.OperatorResumes) => new(State.ResumingAtBase, Does.ResumeGuestAtBase),
        (_, On.CancelRequested) => new(State.Held, Does.ReportTooLate),
        (_, On.RetryPeriodOver) => new(State.Held, Does.ReportHeld),
        _ => Elsewhere(State.Held, e),
    };

    private static Answer Resuming(State state, On e) => (state, e) switch
    {
        (State.ResumingAtBase or State.ResumingAtOwnEpoch, On.GuestResumed) =>
            new(State.RunsHere, Does.JournalSettled, Does.ReportRunsHere),
        (State.ResumingAtBase, On.ResumeFailed) => new(State.ResumeWaitingAtBase, Does.StartRetryTimer),
        (State.ResumingAtOwnEpoch, On.ResumeFailed) => new(State.ResumeWaitingAtOwnEpoch, Does.StartRetryTimer),
        (State.ResumeWaitingAtBase, On.RetryDue) => new(State.ResumingAtBase, Does.ResumeGuestAtBase),
        (State.ResumeWaitingAtOwnEpoch, On.RetryDue) => new(State.ResumingAtOwnEpoch, Does.ResumeGuestAtOwnEpoch),
        (State.ResumeWaitingAtBase or State.ResumeWaitingAtOwnEpoch, On.RetryPeriodOver) => new(state, Does.ReportHeld),
        _ => Elsewhere(state, e),
    };

    private static Answer Restarted(On e, OwnershipMode mode) => (e, mode) switch
    {
        (On.RestartedUnprepared, _) => new(State.ResumingAtBase, Does.ResumeGuestAtBase),
        (On.RestartedUnpreparedEmpty, _) => new(State.Lost, Does.JournalSettled, Does.ReportLost),
        (On.RestartedWithGuest, OwnershipMode.Store) => new(State.Doubting, Does.ReadRecord),
        (On.RestartedWithGuest, OwnershipMode.NoStore) => new(State.Held, Does.ReportHeld),
        (On.RestartedEmpty, OwnershipMode.Store) => new(State.EmptyReading, Does.ReadRecord),
        (On.RestartedEmpty, OwnershipMode.NoStore) => new(State.EmptyWaiting, Does.ReportHeld),
        _ => Elsewhere(State.Restarted, e),
    };

    // Without the memory this side must not create an epoch for itself: that would kill a prepared copy.
    private static Answer Empty(State state, On e, OwnershipMode mode) => (state, e) switch
    {
        (State.EmptyReading, On.RecordAtBase or On.RecordGranted or On.RecordResuming or On.RecordUnreadable) =>
            new(State.EmptyWaiting, Does.StartRetryTimer),
        (State.EmptyReading, On.RecordRunning) => new(State.Released, Does.JournalSettled, Does.ReportMoved),
        (State.EmptyReading, On.RecordOwn) => new(State.Lost, Does.JournalSettled, Does.ReportLost),
        (State.EmptyReading, On.RecordForeign) => new(State.EmptyWaiting, Does.ReportHeld),
        (State.EmptyWaiting, On.RetryDue or On.PeerRunning or On.PeerHandedBack or On.OperatorReleases or On.OperatorResumes)
            when mode == OwnershipMode.Store => new(State.EmptyReading, Does.ReadRecord),

        // Both are dead. Nothing is here that could ever run, so that closing this side harms nobody, whatever is true there.
        (State.EmptyWaiting, On.OperatorTakesBack) when mode == OwnershipMode.Store => new(State.Lost, Does.JournalSettled, Does.ReportLost),
        (State.EmptyWaiting, On.PeerRunning or On.OperatorReleases) => new(State.Released, Does.JournalSettled, Does.ReportMoved),
        (State.EmptyWaiting, On.OperatorResumes) => new(State.Lost, Does.JournalSettled, Does.ReportLost),
        (State.EmptyWaiting, On.RetryPeriodOver) => new(state, Does.ReportHeld),
        _ => Elsewhere(state, e),
    };

    // Messages, timers and requests may come at any time and mean nothing where no row names them. Answers may not:
    // one that no state asked for is a bug of the driver.
    private static Answer Elsewhere(State state, On e) =>
        IsMessage(e) || e is On.CancelRequested or On.AttemptFailed or On.ConnectionLost or On.PeerTimedOut
            or On.RetryDue or On.RetryPeriodOver or On.OperatorResumes or On.OperatorReleases or On.OperatorTakesBack
            ? new(state)
            : default;
}
