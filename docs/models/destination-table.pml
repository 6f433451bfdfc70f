/* The destination's table: DestinationSwitchover.Next, row by row, for both modes. Read as source-table.pml. */

    /* Receiving */
    ON(Receiving, PrepareReceived) GOTO(Restoring) DO(RestoreAndCheck) END
    NEVER(Receiving, CommitReceived)
    ON(Receiving, AbortReceived) GOTO(Discarding) DO(SendRefused) THEN(Discard) END
    ON(Receiving, ConnectionLost) GOTO(Discarding) DO(SendRefused) THEN(Discard) END
    ON(Receiving, CancelRequested) GOTO(Discarding) DO(SendRefused) THEN(Discard) END
    ON(Receiving, AttemptFailed) GOTO(Discarding) DO(SendRefused) THEN(Discard) END

    /* Restoring */
    NEVER(Restoring, CommitReceived)
    ON(Restoring, AbortReceived) GOTO(Abandoning) DO(StopLocalWork) END
    ON(Restoring, CancelRequested) GOTO(Abandoning) DO(StopLocalWork) END
    ON(Restoring, AttemptFailed) GOTO(Abandoning) DO(StopLocalWork) END
#if defined(MUTATE_ANSWERS_WITHOUT_JOURNAL)
    ON(Restoring, RestoreDone) GOTO(Prepared) DO(SendPrepared) DO(StartRetryTimer) END
#else
    ON(Restoring, RestoreDone) GOTO(JournalingPrepared) DO(JournalPrepared) END
#endif
    ON(Restoring, RestoreFailed) GOTO(Discarding) DO(SendRefused) THEN(Discard) END

    /* JournalingPrepared */
    NEVER(JournalingPrepared, CommitReceived)
    ON(JournalingPrepared, AbortReceived) GOTO(Abandoning) DO(StopLocalWork) END
    ON(JournalingPrepared, CancelRequested) GOTO(Abandoning) DO(StopLocalWork) END
    ON(JournalingPrepared, AttemptFailed) GOTO(Abandoning) DO(StopLocalWork) END
    ON_STORE(JournalingPrepared, PreparedJournaled) GOTO(Prepared) DO(SendPrepared) DO(StartRetryTimer) END
    ON_NOSTORE(JournalingPrepared, PreparedJournaled) GOTO(Prepared) DO(SendPrepared) END
    ON(JournalingPrepared, JournalFailed) GOTO(Discarding) DO(SendRefused) THEN(Discard) END

    /* Abandoning */
    NEVER(Abandoning, CommitReceived)
    ON(Abandoning, RestoreDone) GOTO(Discarding) DO(SendRefused) THEN(Discard) END
    ON(Abandoning, RestoreFailed) GOTO(Discarding) DO(SendRefused) THEN(Discard) END
    ON(Abandoning, PreparedJournaled) GOTO(Discarding) DO(SendRefused) THEN(Discard) END
    ON(Abandoning, JournalFailed) GOTO(Discarding) DO(SendRefused) THEN(Discard) END

    /* Prepared */
#if defined(MUTATE_REPLAYED_PREPARE_RESTORES)
    ON(Prepared, PrepareReceived) GOTO(Restoring) DO(RestoreAndCheck) END
#else
    ON(Prepared, PrepareReceived) GOTO(Prepared) DO(SendPrepared) END
#endif
#if defined(MUTATE_RESUMES_ON_MESSAGE)
    ON_STORE(Prepared, CommitReceived) GOTO(RaisingGuards) DO(RaiseGuards) END
#else
    ON_STORE(Prepared, CommitReceived) GOTO(Reading) DO(ReadRecord) END
#endif
    ON_NOSTORE(Prepared, CommitReceived) GOTO(RaisingGuards) DO(RaiseGuards) END
    ON_STORE(Prepared, AbortReceived) GOTO(Reading) DO(ReadRecord) END
    ON_NOSTORE(Prepared, AbortReceived) GOTO(Discarding) DO(Discard) END
    ON_NOSTORE(Prepared, ConnectionLost) GOTO(Held) DO(ReportHeld) END
    ON(Prepared, CancelRequested) GOTO(Prepared) DO(ReportTooLate) END
    ON_STORE(Prepared, RetryDue) GOTO(Reading) DO(ReadRecord) END
#if defined(MUTATE_DISCARDS_ON_TIMER)
    ON_STORE(Prepared, ClaimDue) GOTO(Discarding) DO(Discard) END
#elif defined(MUTATE_NEVER_CLAIMS)
    ON_STORE(Prepared, ClaimDue) GOTO(Prepared) END
#else
    ON_STORE(Prepared, ClaimDue) GOTO(Claiming) DO(CreateOwnEpoch) END
#endif
    ON(Prepared, RetryPeriodOver) GOTO(Prepared) DO(ReportHeld) END
    ON_STORE(Prepared, OperatorResumes) GOTO(Reading) DO(ReadRecord) END
    ON_NOSTORE(Prepared, OperatorResumes) GOTO(RaisingGuards) DO(RaiseGuards) END
    ON_STORE(Prepared, OperatorReturns) GOTO(Reading) DO(ReadRecord) END
    ON_NOSTORE(Prepared, OperatorReturns) GOTO(Discarding) DO(Discard) END
#ifdef MUTATE_DISCARDS_ON_LOST_CONNECTION
    ON_STORE(Prepared, ConnectionLost) GOTO(Discarding) DO(Discard) END
#endif
#ifdef MUTATE_NOSTORE_RUNS_ON_TIMER
    ON_NOSTORE(Prepared, ClaimDue) GOTO(RaisingGuards) DO(RaiseGuards) END
#endif

    /* Reading */
    ON_STORE(Reading, CancelRequested) GOTO(Reading) DO(ReportTooLate) END
    ON_STORE(Reading, RetryPeriodOver) GOTO(Reading) DO(ReportHeld) END
    ON_STORE(Reading, RecordAtBase) GOTO(Prepared) DO(StartRetryTimer) END
#if defined(MUTATE_RESUMES_WITHOUT_GUARDS)
    ON_STORE(Reading, RecordOwn) GOTO(MarkingResuming) DO(MarkResuming) END
#else
    ON_STORE(Reading, RecordOwn) GOTO(RaisingGuards) DO(RaiseGuards) END
#endif
    ON_STORE(Reading, RecordOwnResuming) GOTO(MarkingResuming) DO(MarkResuming) END
    ON_STORE(Reading, RecordOwnRunning) GOTO(MarkingResuming) DO(MarkResuming) END
    ON_STORE(Reading, RecordOther) GOTO(Discarding) DO(Discard) END
    ON_STORE(Reading, RecordForeign) GOTO(Held) DO(ReportHeld) END
    ON_STORE(Reading, RecordUnreadable) GOTO(Prepared) DO(StartRetryTimer) END

    /* Claiming */
    ON_STORE(Claiming, CancelRequested) GOTO(Claiming) DO(ReportTooLate) END
    ON_STORE(Claiming, RetryPeriodOver) GOTO(Claiming) DO(ReportHeld) END
    ON_STORE(Claiming, EpochCreated) GOTO(Reading) DO(ReadRecord) END
    ON_STORE(Claiming, EpochConflict) GOTO(Reading) DO(ReadRecord) END
    ON_STORE(Claiming, EpochUnknown) GOTO(Reading) DO(ReadRecord) END

    /* RaisingGuards */
    ON(RaisingGuards, CancelRequested) GOTO(RaisingGuards) DO(ReportTooLate) END
#if defined(MUTATE_RESUMES_WITHOUT_MARK)
    ON(RaisingGuards, GuardsRaised) GOTO(Resuming) DO(ResumeGuest) END
#else
    ON(RaisingGuards, GuardsRaised) GOTO(MarkingResuming) DO(MarkResuming) END
#endif
#if defined(MUTATE_HANDS_BACK_WITHOUT_JOURNAL)
    ON_STORE(RaisingGuards, GuardsFailed) GOTO(HandingBack) DO(CreateHandBackEpoch) END
#else
    ON_STORE(RaisingGuards, GuardsFailed) GOTO(JournalingHandBack) DO(JournalHandBack) END
#endif
    ON_NOSTORE(RaisingGuards, GuardsFailed) GOTO(Held) DO(ReportHeld) END

    /* MarkingResuming */
    ON(MarkingResuming, CancelRequested) GOTO(MarkingResuming) DO(ReportTooLate) END
    ON(MarkingResuming, Marked) GOTO(Resuming) DO(ResumeGuest) END
    ON(MarkingResuming, MarkFailed) GOTO(MarkWaiting) DO(StartRetryTimer) END

    /* MarkWaiting */
    ON(MarkWaiting, CancelRequested) GOTO(MarkWaiting) DO(ReportTooLate) END
    ON(MarkWaiting, RetryDue) GOTO(MarkingResuming) DO(MarkResuming) END
    ON(MarkWaiting, ClaimDue) GOTO(MarkingResuming) DO(MarkResuming) END
    ON(MarkWaiting, RetryPeriodOver) GOTO(MarkWaiting) DO(ReportHeld) END

    /* Resuming */
    ON(Resuming, CancelRequested) GOTO(Resuming) DO(ReportTooLate) END
    ON(Resuming, GuestResumed) GOTO(MarkingRunning) DO(SendRunning) THEN(MarkRunning) END
#if defined(MUTATE_HANDS_BACK_AFTER_RESUMING)
    ON(Resuming, ResumeFailed) GOTO(JournalingHandBack) DO(JournalHandBack) END
#else
    ON(Resuming, ResumeFailed) GOTO(ResumeWaiting) DO(StartRetryTimer) END
#endif

    /* ResumeWaiting */
    ON(ResumeWaiting, CancelRequested) GOTO(ResumeWaiting) DO(ReportTooLate) END
    ON(ResumeWaiting, RetryDue) GOTO(Resuming) DO(ResumeGuest) END
    ON(ResumeWaiting, ClaimDue) GOTO(Resuming) DO(ResumeGuest) END
    ON(ResumeWaiting, RetryPeriodOver) GOTO(ResumeWaiting) DO(ReportHeld) END

    /* MarkingRunning */
    ON(MarkingRunning, PrepareReceived) GOTO(MarkingRunning) DO(SendRunning) END
    ON(MarkingRunning, CommitReceived) GOTO(MarkingRunning) DO(SendRunning) END
    NEVER_NOSTORE(MarkingRunning, AbortReceived)
    ON(MarkingRunning, CancelRequested) GOTO(MarkingRunning) DO(ReportTooLate) END
    ON(MarkingRunning, Marked) GOTO(RunsHere) DO(JournalSettled) DO(ReportMoved) END
    ON(MarkingRunning, MarkFailed) GOTO(RunningUnmarked) DO(StartRetryTimer) END

    /* RunningUnmarked */
    ON(RunningUnmarked, PrepareReceived) GOTO(RunningUnmarked) DO(SendRunning) END
    ON(RunningUnmarked, CommitReceived) GOTO(RunningUnmarked) DO(SendRunning) END
    NEVER_NOSTORE(RunningUnmarked, AbortReceived)
    ON(RunningUnmarked, CancelRequested) GOTO(RunningUnmarked) DO(ReportTooLate) END
    ON(RunningUnmarked, RetryDue) GOTO(MarkingRunning) DO(SendRunning) THEN(MarkRunning) END
    ON(RunningUnmarked, ClaimDue) GOTO(MarkingRunning) DO(SendRunning) THEN(MarkRunning) END
    ON(RunningUnmarked, RetryPeriodOver) GOTO(RunsHere) DO(ReportMoved) END

    /* RunsHere */
    ON(RunsHere, PrepareReceived) GOTO(RunsHere) DO(SendRunning) END
    ON(RunsHere, CommitReceived) GOTO(RunsHere) DO(SendRunning) END
    NEVER_NOSTORE(RunsHere, AbortReceived)
    ON(RunsHere, CancelRequested) GOTO(RunsHere) DO(ReportTooLate) END

    /* JournalingHandBack */
    ON_STORE(JournalingHandBack, CancelRequested) GOTO(JournalingHandBack) DO(ReportTooLate) END
    ON_STORE(JournalingHandBack, HandBackJournaled) GOTO(HandingBack) DO(CreateHandBackEpoch) END
    ON_STORE(JournalingHandBack, JournalFailed) GOTO(HandBackWaiting) DO(StartRetryTimer) END
    ON_STORE(JournalingHandBack, RetryPeriodOver) GOTO(JournalingHandBack) DO(ReportHeld) END

    /* HandingBack */
    ON_STORE(HandingBack, CancelRequested) GOTO(HandingBack) DO(ReportTooLate) END
    ON_STORE(HandingBack, RetryPeriodOver) GOTO(HandingBack) DO(ReportHeld) END
    ON_STORE(HandingBack, EpochCreated) GOTO(Discarding) DO(SendHandedBack) THEN(Discard) END
    ON_STORE(HandingBack, EpochConflict) GOTO(HandBackReading) DO(ReadRecord) END
    ON_STORE(HandingBack, EpochUnknown) GOTO(HandBackReading) DO(ReadRecord) END

    /* HandBackReading */
    ON_STORE(HandBackReading, CancelRequested) GOTO(HandBackReading) DO(ReportTooLate) END
    ON_STORE(HandBackReading, RetryPeriodOver) GOTO(HandBackReading) DO(ReportHeld) END
    ON_STORE(HandBackReading, RecordAtBase) GOTO(HandBackWaiting) DO(StartRetryTimer) END
#if defined(MUTATE_RESUMES_AFTER_UNKNOWN_HAND_BACK)
    ON_STORE(HandBackReading, RecordOwn) GOTO(RaisingGuards) DO(RaiseGuards) END
#else
    ON_STORE(HandBackReading, RecordOwn) GOTO(HandBackWaiting) DO(StartRetryTimer) END
#endif
    ON_STORE(HandBackReading, RecordOwnResuming) GOTO(HandBackWaiting) DO(StartRetryTimer) END
    ON_STORE(HandBackReading, RecordOwnRunning) GOTO(HandBackWaiting) DO(StartRetryTimer) END
    ON_STORE(HandBackReading, RecordOther) GOTO(Discarding) DO(SendHandedBack) THEN(Discard) END
    ON_STORE(HandBackReading, RecordForeign) GOTO(HandBackWaiting) DO(StartRetryTimer) END
    ON_STORE(HandBackReading, RecordUnreadable) GOTO(HandBackWaiting) DO(StartRetryTimer) END

    /* HandBackWaiting */
    ON_STORE(HandBackWaiting, CancelRequested) GOTO(HandBackWaiting) DO(ReportTooLate) END
    ON_STORE(HandBackWaiting, RetryDue) GOTO(JournalingHandBack) DO(JournalHandBack) END
    ON_STORE(HandBackWaiting, ClaimDue) GOTO(JournalingHandBack) DO(JournalHandBack) END
    ON_STORE(HandBackWaiting, RetryPeriodOver) GOTO(HandBackWaiting) DO(ReportHeld) END
    ON_STORE(HandBackWaiting, OperatorResumes) GOTO(JournalingHandBack) DO(JournalHandBack) END
    ON_STORE(HandBackWaiting, OperatorReturns) GOTO(JournalingHandBack) DO(JournalHandBack) END
#ifdef MUTATE_RESUMES_ON_LATE_MESSAGE
    ON_STORE(HandBackWaiting, CommitReceived) GOTO(RaisingGuards) DO(RaiseGuards) END
#endif

    /* Discarding */
    ON(Discarding, CopyDiscarded) GOTO(Discarded) DO(JournalSettled) DO(ReportDiscarded) END

    /* Held */
    ON_NOSTORE(Held, CommitReceived) GOTO(RaisingGuards) DO(RaiseGuards) END
    ON_NOSTORE(Held, AbortReceived) GOTO(Discarding) DO(Discard) END
    ON(Held, CancelRequested) GOTO(Held) DO(ReportTooLate) END
    ON_STORE(Held, RetryDue) GOTO(Reading) DO(ReadRecord) END
    ON_STORE(Held, ClaimDue) GOTO(Reading) DO(ReadRecord) END
    ON(Held, RetryPeriodOver) GOTO(Held) DO(ReportHeld) END
    ON_STORE(Held, OperatorResumes) GOTO(Reading) DO(ReadRecord) END
    ON_NOSTORE(Held, OperatorResumes) GOTO(RaisingGuards) DO(RaiseGuards) END
    ON_STORE(Held, OperatorReturns) GOTO(Reading) DO(ReadRecord) END
    ON_NOSTORE(Held, OperatorReturns) GOTO(Discarding) DO(Discard) END

    /* Restarted */
    ON_STORE(Restarted, RestartedWithGuest) GOTO(Reading) DO(ReadRecord) END
    ON_NOSTORE(Restarted, RestartedWithGuest) GOTO(Held) DO(ReportHeld) END
    ON_STORE(Restarted, RestartedHandingBack) GOTO(HandBackReading) DO(ReadRecord) END
    ON_STORE(Restarted, RestartedEmpty) GOTO(EmptyReading) DO(ReadRecord) END
    ON_NOSTORE(Restarted, RestartedEmpty) GOTO(HeldEmpty) DO(ReportHeld) END
    ON_STORE(Restarted, RestartedResuming) GOTO(Reading) DO(ReadRecord) END
    ON_NOSTORE(Restarted, RestartedResuming) GOTO(Resuming) DO(ResumeGuest) END

    /* EmptyReading */
    ON_STORE(EmptyReading, CancelRequested) GOTO(EmptyReading) DO(ReportTooLate) END
    ON_STORE(EmptyReading, RetryPeriodOver) GOTO(EmptyReading) DO(ReportHeld) END
    ON_STORE(EmptyReading, RecordAtBase) GOTO(EmptyFreeing) DO(CreateEpochForSource) END
    ON_STORE(EmptyReading, RecordOwn) GOTO(EmptyHandingBack) DO(CreateHandBackEpoch) END
    ON_STORE(EmptyReading, RecordOwnResuming) GOTO(HeldEmpty) DO(ReportHeld) END
    ON_STORE(EmptyReading, RecordOwnRunning) GOTO(Lost) DO(JournalSettled) DO(ReportLost) END
    ON_STORE(EmptyReading, RecordOther) GOTO(Discarded) DO(JournalSettled) DO(ReportDiscarded) END
    ON_STORE(EmptyReading, RecordForeign) GOTO(HeldEmpty) DO(ReportHeld) END
    ON_STORE(EmptyReading, RecordUnreadable) GOTO(EmptyWaiting) DO(StartRetryTimer) END

    /* EmptyWaiting */
    ON_STORE(EmptyWaiting, CancelRequested) GOTO(EmptyWaiting) DO(ReportTooLate) END
    ON_STORE(EmptyWaiting, RetryDue) GOTO(EmptyReading) DO(ReadRecord) END
    ON_STORE(EmptyWaiting, ClaimDue) GOTO(EmptyReading) DO(ReadRecord) END
    ON_STORE(EmptyWaiting, RetryPeriodOver) GOTO(EmptyWaiting) DO(ReportHeld) END
    ON_STORE(EmptyWaiting, OperatorResumes) GOTO(EmptyReading) DO(ReadRecord) END
    ON_STORE(EmptyWaiting, OperatorReturns) GOTO(EmptyReading) DO(ReadRecord) END

    /* EmptyFreeing */
    ON_STORE(EmptyFreeing, CancelRequested) GOTO(EmptyFreeing) DO(ReportTooLate) END
    ON_STORE(EmptyFreeing, RetryPeriodOver) GOTO(EmptyFreeing) DO(ReportHeld) END
    ON_STORE(EmptyFreeing, EpochCreated) GOTO(Discarded) DO(SendHandedBack) THEN(JournalSettled) DO(ReportDiscarded) END
    ON_STORE(EmptyFreeing, EpochConflict) GOTO(EmptyWaiting) DO(StartRetryTimer) END
    ON_STORE(EmptyFreeing, EpochUnknown) GOTO(EmptyWaiting) DO(StartRetryTimer) END

    /* EmptyHandingBack */
    ON_STORE(EmptyHandingBack, CancelRequested) GOTO(EmptyHandingBack) DO(ReportTooLate) END
    ON_STORE(EmptyHandingBack, RetryPeriodOver) GOTO(EmptyHandingBack) DO(ReportHeld) END
    ON_STORE(EmptyHandingBack, EpochCreated) GOTO(Discarded) DO(SendHandedBack) THEN(JournalSettled) DO(ReportDiscarded) END
    ON_STORE(EmptyHandingBack, EpochConflict) GOTO(EmptyWaiting) DO(StartRetryTimer) END
    ON_STORE(EmptyHandingBack, EpochUnknown) GOTO(EmptyWaiting) DO(StartRetryTimer) END

    /* HeldEmpty */
    ON_NOSTORE(HeldEmpty, AbortReceived) GOTO(Discarded) DO(JournalSettled) DO(ReportDiscarded) END
    ON(HeldEmpty, CancelRequested) GOTO(HeldEmpty) DO(ReportTooLate) END
    ON_STORE(HeldEmpty, RetryDue) GOTO(EmptyReading) DO(ReadRecord) END
    ON_STORE(HeldEmpty, ClaimDue) GOTO(EmptyReading) DO(ReadRecord) END
    ON(HeldEmpty, RetryPeriodOver) GOTO(HeldEmpty) DO(ReportHeld) END
    ON_STORE(HeldEmpty, OperatorResumes) GOTO(EmptyReading) DO(ReadRecord) END
    ON_NOSTORE(HeldEmpty, OperatorResumes) GOTO(Lost) DO(JournalSettled) DO(ReportLost) END
    ON_STORE(HeldEmpty, OperatorReturns) GOTO(EmptyHandingBack) DO(CreateHandBackEpoch) END
    ON_NOSTORE(HeldEmpty, OperatorReturns) GOTO(Discarded) DO(JournalSettled) DO(ReportDiscarded) END
