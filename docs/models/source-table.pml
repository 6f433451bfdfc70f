/* The source's table: SourceSwitchover.Next, row by row, for both modes. A state and event without a row changes
 * nothing. DO and THEN name its effects in order; at THEN the process may die between the two. NEVER: no peer that keeps
 * the protocol sends this. A test compares these rows with the shipped table. */

    /* Copying */
#if defined(MUTATE_PAUSES_WITHOUT_JOURNAL)
    ON(Copying, SwitchoverDecided) GOTO(Pausing) DO(PauseGuest) END
#else
    ON(Copying, SwitchoverDecided) GOTO(Journaling) DO(JournalAttempt) END
#endif
    ON(Copying, CancelRequested) GOTO(RunsHere) DO(SendAbort) THEN(JournalSettled) DO(ReportRunsHere) END
    ON(Copying, AttemptFailed) GOTO(RunsHere) DO(SendAbort) THEN(JournalSettled) DO(ReportRunsHere) END
    ON(Copying, ConnectionLost) GOTO(RunsHere) DO(SendAbort) THEN(JournalSettled) DO(ReportRunsHere) END
    ON(Copying, PeerTimedOut) GOTO(RunsHere) DO(SendAbort) THEN(JournalSettled) DO(ReportRunsHere) END
    NEVER(Copying, PeerPrepared)
    ON(Copying, PeerRefused) GOTO(RunsHere) DO(SendAbort) THEN(JournalSettled) DO(ReportRunsHere) END
    NEVER(Copying, PeerRunning)
    NEVER(Copying, PeerHandedBack)

    /* Journaling */
    ON(Journaling, CancelRequested) GOTO(Withdrawing) DO(StopLocalWork) END
    ON(Journaling, AttemptFailed) GOTO(Withdrawing) DO(StopLocalWork) END
    ON(Journaling, ConnectionLost) GOTO(Withdrawing) DO(StopLocalWork) END
    ON(Journaling, PeerTimedOut) GOTO(Withdrawing) DO(StopLocalWork) END
    ON(Journaling, AttemptJournaled) GOTO(Pausing) DO(PauseGuest) END
    ON(Journaling, JournalFailed) GOTO(RunsHere) DO(SendAbort) THEN(JournalSettled) DO(ReportRunsHere) END
    NEVER(Journaling, PeerPrepared)
    ON(Journaling, PeerRefused) GOTO(Withdrawing) DO(StopLocalWork) END
    NEVER(Journaling, PeerRunning)
    NEVER(Journaling, PeerHandedBack)

    /* Pausing */
    ON(Pausing, CancelRequested) GOTO(Withdrawing) DO(StopLocalWork) END
    ON(Pausing, AttemptFailed) GOTO(Withdrawing) DO(StopLocalWork) END
    ON(Pausing, ConnectionLost) GOTO(Withdrawing) DO(StopLocalWork) END
    ON(Pausing, PeerTimedOut) GOTO(Withdrawing) DO(StopLocalWork) END
    ON(Pausing, GuestPaused) GOTO(LastPass) DO(RunLastPass) END
    ON(Pausing, PauseFailed) GOTO(ResumingAtBase) DO(ResumeGuestAtBase) THEN(SendAbort) END
    NEVER(Pausing, PeerPrepared)
    ON(Pausing, PeerRefused) GOTO(Withdrawing) DO(StopLocalWork) END
    NEVER(Pausing, PeerRunning)
    NEVER(Pausing, PeerHandedBack)

    /* LastPass */
    ON(LastPass, CancelRequested) GOTO(Withdrawing) DO(StopLocalWork) END
    ON(LastPass, AttemptFailed) GOTO(Withdrawing) DO(StopLocalWork) END
    ON(LastPass, ConnectionLost) GOTO(Withdrawing) DO(StopLocalWork) END
    ON(LastPass, PeerTimedOut) GOTO(Withdrawing) DO(StopLocalWork) END
    ON(LastPass, LastPassDone) GOTO(Preparing) DO(SendPrepare) DO(StartAnswerTimer) END
    ON(LastPass, LastPassFailed) GOTO(ResumingAtBase) DO(ResumeGuestAtBase) THEN(SendAbort) END
    NEVER(LastPass, PeerPrepared)
    ON(LastPass, PeerRefused) GOTO(Withdrawing) DO(StopLocalWork) END
    NEVER(LastPass, PeerRunning)
    NEVER(LastPass, PeerHandedBack)

    /* Withdrawing */
    ON(Withdrawing, AttemptJournaled) GOTO(RunsHere) DO(SendAbort) THEN(JournalSettled) DO(ReportRunsHere) END
    ON(Withdrawing, JournalFailed) GOTO(RunsHere) DO(SendAbort) THEN(JournalSettled) DO(ReportRunsHere) END
    ON(Withdrawing, GuestPaused) GOTO(ResumingAtBase) DO(ResumeGuestAtBase) THEN(SendAbort) END
    ON(Withdrawing, PauseFailed) GOTO(ResumingAtBase) DO(ResumeGuestAtBase) THEN(SendAbort) END
    ON(Withdrawing, LastPassDone) GOTO(ResumingAtBase) DO(ResumeGuestAtBase) THEN(SendAbort) END
    ON(Withdrawing, LastPassFailed) GOTO(ResumingAtBase) DO(ResumeGuestAtBase) THEN(SendAbort) END
    NEVER(Withdrawing, PeerPrepared)
    NEVER(Withdrawing, PeerRunning)
    NEVER(Withdrawing, PeerHandedBack)

    /* Preparing */
    ON_STORE(Preparing, CancelRequested) GOTO(Reclaiming) DO(CreateEpochForSource) END
    ON_NOSTORE(Preparing, CancelRequested) GOTO(ResumingAtBase) DO(ResumeGuestAtBase) THEN(SendAbort) END
    ON_STORE(Preparing, AttemptFailed) GOTO(Reclaiming) DO(CreateEpochForSource) END
    ON_NOSTORE(Preparing, AttemptFailed) GOTO(ResumingAtBase) DO(ResumeGuestAtBase) THEN(SendAbort) END
    ON_STORE(Preparing, ConnectionLost) GOTO(Reclaiming) DO(CreateEpochForSource) END
    ON_NOSTORE(Preparing, ConnectionLost) GOTO(ResumingAtBase) DO(ResumeGuestAtBase) THEN(SendAbort) END
#if defined(MUTATE_RESUMES_WITHOUT_EPOCH)
    ON_STORE(Preparing, PeerTimedOut) GOTO(ResumingAtBase) DO(ResumeGuestAtBase) THEN(SendAbort) END
#else
    ON_STORE(Preparing, PeerTimedOut) GOTO(Reclaiming) DO(CreateEpochForSource) END
#endif
    ON_NOSTORE(Preparing, PeerTimedOut) GOTO(ResumingAtBase) DO(ResumeGuestAtBase) THEN(SendAbort) END
    ON_STORE(Preparing, PeerPrepared) GOTO(Granting) DO(CreateEpochForDestination) END
    ON_NOSTORE(Preparing, PeerPrepared) GOTO(Offered) DO(SendCommit) DO(StartRunningTimer) END
    ON_STORE(Preparing, PeerRefused) GOTO(Reclaiming) DO(CreateEpochForSource) END
    ON_NOSTORE(Preparing, PeerRefused) GOTO(ResumingAtBase) DO(ResumeGuestAtBase) THEN(SendAbort) END
    ON_STORE(Preparing, PeerRunning) GOTO(Doubting) DO(ReadRecord) END
    ON_NOSTORE(Preparing, PeerRunning) GOTO(Releasing) DO(FreeMemory) END
    ON_STORE(Preparing, PeerHandedBack) GOTO(Doubting) DO(ReadRecord) END

    /* Granting */
    ON_STORE(Granting, CancelRequested) GOTO(Granting) DO(ReportTooLate) END
#if defined(MUTATE_FREES_ON_COMMIT)
    ON_STORE(Granting, EpochCreated) GOTO(Releasing) DO(SendCommit) THEN(FreeMemory) END
#else
    ON_STORE(Granting, EpochCreated) GOTO(Granted) DO(SendCommit) DO(StartRunningTimer) END
#endif
    ON_STORE(Granting, EpochConflict) GOTO(Doubting) DO(ReadRecord) END
    ON_STORE(Granting, EpochUnknown) GOTO(Doubting) DO(ReadRecord) END
    ON_STORE(Granting, RetryPeriodOver) GOTO(Granting) DO(ReportHeld) END

    /* Reclaiming */
    ON_STORE(Reclaiming, EpochCreated) GOTO(ResumingAtOwnEpoch) DO(ResumeGuestAtOwnEpoch) THEN(SendAbort) END
    ON_STORE(Reclaiming, EpochConflict) GOTO(Doubting) DO(ReadRecord) END
#if defined(MUTATE_RESUMES_ON_UNKNOWN_EPOCH)
    ON_STORE(Reclaiming, EpochUnknown) GOTO(ResumingAtOwnEpoch) DO(ResumeGuestAtOwnEpoch) THEN(SendAbort) END
#else
    ON_STORE(Reclaiming, EpochUnknown) GOTO(Doubting) DO(ReadRecord) END
#endif
    ON_STORE(Reclaiming, RetryPeriodOver) GOTO(Reclaiming) DO(ReportHeld) END

    /* Doubting */
#if defined(MUTATE_RESUMES_AT_OLD_RECORD)
    ON_STORE(Doubting, RecordAtBase) GOTO(ResumingAtBase) DO(ResumeGuestAtBase) THEN(SendAbort) END
#else
    ON_STORE(Doubting, RecordAtBase) GOTO(Waiting) DO(StartRetryTimer) END
#endif
    ON_STORE(Doubting, RecordGranted) GOTO(Granted) DO(SendCommit) DO(StartRunningTimer) END
    ON_STORE(Doubting, RecordResuming) GOTO(Granted) DO(SendCommit) DO(StartRunningTimer) END
    ON_STORE(Doubting, RecordRunning) GOTO(Releasing) DO(FreeMemory) END
    ON_STORE(Doubting, RecordOwn) GOTO(ResumingAtOwnEpoch) DO(ResumeGuestAtOwnEpoch) THEN(SendAbort) END
    ON_STORE(Doubting, RecordForeign) GOTO(Held) DO(ReportHeld) END
    ON_STORE(Doubting, RecordUnreadable) GOTO(Waiting) DO(StartRetryTimer) END
    ON_STORE(Doubting, RetryPeriodOver) GOTO(Doubting) DO(ReportHeld) END

    /* Waiting */
    ON_STORE(Waiting, PeerRunning) GOTO(Doubting) DO(ReadRecord) END
    ON_STORE(Waiting, PeerHandedBack) GOTO(Doubting) DO(ReadRecord) END
#if defined(MUTATE_SOURCE_NEVER_LOOKS_AGAIN)
    ON_STORE(Waiting, RetryDue) GOTO(Waiting) END
#else
    ON_STORE(Waiting, RetryDue) GOTO(Reclaiming) DO(CreateEpochForSource) END
#endif
    ON_STORE(Waiting, RetryPeriodOver) GOTO(Waiting) DO(ReportHeld) END
    ON_STORE(Waiting, OperatorResumes) GOTO(Doubting) DO(ReadRecord) END
    ON_STORE(Waiting, OperatorReleases) GOTO(Doubting) DO(ReadRecord) END
    ON_STORE(Waiting, OperatorTakesBack) GOTO(Doubting) DO(ReadRecord) END

    /* Granted */
    ON_STORE(Granted, CancelRequested) GOTO(Granted) DO(ReportTooLate) END
    ON_STORE(Granted, ConnectionLost) GOTO(Granted) DO(StartRetryTimer) END
    ON_STORE(Granted, PeerTimedOut) GOTO(GrantedReading) DO(ReadRecord) END
    ON_STORE(Granted, PeerPrepared) GOTO(Granted) DO(SendCommit) END
    ON_STORE(Granted, PeerRefused) GOTO(GrantedReading) DO(ReadRecord) END
    ON_STORE(Granted, PeerRunning) GOTO(Releasing) DO(FreeMemory) END
    ON_STORE(Granted, PeerHandedBack) GOTO(GrantedReading) DO(ReadRecord) END
    ON_STORE(Granted, RetryDue) GOTO(GrantedReading) DO(ReadRecord) END
    ON_STORE(Granted, RetryPeriodOver) GOTO(Granted) DO(ReportHeld) END
    ON_STORE(Granted, OperatorResumes) GOTO(GrantedReading) DO(ReadRecord) END
    ON_STORE(Granted, OperatorReleases) GOTO(GrantedReading) DO(ReadRecord) END
    ON_STORE(Granted, OperatorTakesBack) GOTO(GrantedChecking) DO(ReadRecordAnew) END

    /* GrantedReading */
    ON_STORE(GrantedReading, CancelRequested) GOTO(GrantedReading) DO(ReportTooLate) END
    ON_STORE(GrantedReading, RecordAtBase) GOTO(Granted) DO(SendCommit) DO(StartRetryTimer) END
    ON_STORE(GrantedReading, RecordGranted) GOTO(Granted) DO(SendCommit) DO(StartRetryTimer) END
    ON_STORE(GrantedReading, RecordResuming) GOTO(Granted) DO(SendCommit) DO(StartRetryTimer) END
    ON_STORE(GrantedReading, RecordRunning) GOTO(Releasing) DO(FreeMemory) END
    ON_STORE(GrantedReading, RecordOwn) GOTO(ResumingAtOwnEpoch) DO(ResumeGuestAtOwnEpoch) END
    ON_STORE(GrantedReading, RecordForeign) GOTO(Held) DO(ReportHeld) END
    ON_STORE(GrantedReading, RecordUnreadable) GOTO(Granted) DO(SendCommit) DO(StartRetryTimer) END
    ON_STORE(GrantedReading, RetryPeriodOver) GOTO(GrantedReading) DO(ReportHeld) END

    /* GrantedChecking */
    ON_STORE(GrantedChecking, CancelRequested) GOTO(GrantedChecking) DO(ReportTooLate) END
    ON_STORE(GrantedChecking, RecordAtBase) GOTO(Granted) DO(ReportHeld) END
    ON_STORE(GrantedChecking, RecordGranted) GOTO(TakingBack) DO(CreateHandBackEpoch) END
#if defined(MUTATE_TAKES_BACK_AFTER_RESUMING)
    ON_STORE(GrantedChecking, RecordResuming) GOTO(TakingBack) DO(CreateHandBackEpoch) END
#else
    ON_STORE(GrantedChecking, RecordResuming) GOTO(Granted) DO(ReportHeld) END
#endif
    ON_STORE(GrantedChecking, RecordRunning) GOTO(Releasing) DO(FreeMemory) END
    ON_STORE(GrantedChecking, RecordOwn) GOTO(ResumingAtOwnEpoch) DO(ResumeGuestAtOwnEpoch) END
    ON_STORE(GrantedChecking, RecordForeign) GOTO(Held) DO(ReportHeld) END
    ON_STORE(GrantedChecking, RecordUnreadable) GOTO(Granted) DO(ReportHeld) END
    ON_STORE(GrantedChecking, RetryPeriodOver) GOTO(GrantedChecking) DO(ReportHeld) END

    /* TakingBack */
    ON_STORE(TakingBack, CancelRequested) GOTO(TakingBack) DO(ReportTooLate) END
    ON_STORE(TakingBack, EpochCreated) GOTO(ResumingAtOwnEpoch) DO(ResumeGuestAtOwnEpoch) END
    ON_STORE(TakingBack, EpochConflict) GOTO(GrantedReading) DO(ReadRecord) END
#if defined(MUTATE_RESUMES_AFTER_UNKNOWN_TAKING_BACK)
    ON_STORE(TakingBack, EpochUnknown) GOTO(ResumingAtOwnEpoch) DO(ResumeGuestAtOwnEpoch) END
#else
    ON_STORE(TakingBack, EpochUnknown) GOTO(GrantedReading) DO(ReadRecord) END
#endif
    ON_STORE(TakingBack, RetryPeriodOver) GOTO(TakingBack) DO(ReportHeld) END

    /* Offered */
    ON_NOSTORE(Offered, CancelRequested) GOTO(Offered) DO(ReportTooLate) END
    ON_NOSTORE(Offered, AttemptFailed) GOTO(Held) DO(ReportHeld) END
    ON_NOSTORE(Offered, ConnectionLost) GOTO(Held) DO(ReportHeld) END
#if defined(MUTATE_NOSTORE_RESUMES_AFTER_COMMIT)
    ON_NOSTORE(Offered, PeerTimedOut) GOTO(ResumingAtBase) DO(ResumeGuestAtBase) END
#else
    ON_NOSTORE(Offered, PeerTimedOut) GOTO(Held) DO(ReportHeld) END
#endif
    ON_NOSTORE(Offered, PeerRefused) GOTO(Held) DO(ReportHeld) END
    ON_NOSTORE(Offered, PeerRunning) GOTO(Releasing) DO(FreeMemory) END

    /* Held */
    ON(Held, CancelRequested) GOTO(Held) DO(ReportTooLate) END
    ON_NOSTORE(Held, PeerRunning) GOTO(Releasing) DO(FreeMemory) END
    ON_STORE(Held, RetryDue) GOTO(Doubting) DO(ReadRecord) END
    ON(Held, RetryPeriodOver) GOTO(Held) DO(ReportHeld) END
    ON_STORE(Held, OperatorResumes) GOTO(Doubting) DO(ReadRecord) END
    ON_NOSTORE(Held, OperatorResumes) GOTO(ResumingAtBase) DO(ResumeGuestAtBase) END
    ON_STORE(Held, OperatorReleases) GOTO(Doubting) DO(ReadRecord) END
    ON_STORE(Held, OperatorTakesBack) GOTO(Doubting) DO(ReadRecord) END
    ON_NOSTORE(Held, OperatorReleases) GOTO(Releasing) DO(FreeMemory) END

    /* ResumingAtBase */
    ON(ResumingAtBase, GuestResumed) GOTO(RunsHere) DO(JournalSettled) DO(ReportRunsHere) END
    ON(ResumingAtBase, ResumeFailed) GOTO(ResumeWaitingAtBase) DO(StartRetryTimer) END

    /* ResumeWaitingAtBase */
    ON(ResumeWaitingAtBase, RetryDue) GOTO(ResumingAtBase) DO(ResumeGuestAtBase) END
    ON(ResumeWaitingAtBase, RetryPeriodOver) GOTO(ResumeWaitingAtBase) DO(ReportHeld) END

    /* ResumingAtOwnEpoch */
    ON(ResumingAtOwnEpoch, GuestResumed) GOTO(RunsHere) DO(JournalSettled) DO(ReportRunsHere) END
    ON(ResumingAtOwnEpoch, ResumeFailed) GOTO(ResumeWaitingAtOwnEpoch) DO(StartRetryTimer) END

    /* ResumeWaitingAtOwnEpoch */
    ON(ResumeWaitingAtOwnEpoch, RetryDue) GOTO(ResumingAtOwnEpoch) DO(ResumeGuestAtOwnEpoch) END
    ON(ResumeWaitingAtOwnEpoch, RetryPeriodOver) GOTO(ResumeWaitingAtOwnEpoch) DO(ReportHeld) END

    /* Releasing */
#if defined(MUTATE_RELEASES_WITHOUT_SETTLING)
    ON(Releasing, MemoryFreed) GOTO(Released) DO(ReportMoved) END
#else
    ON(Releasing, MemoryFreed) GOTO(Released) DO(JournalSettled) DO(ReportMoved) END
#endif

    /* RunsHere */
    ON(RunsHere, PeerPrepared) GOTO(RunsHere) DO(SendAbort) END
    NEVER(RunsHere, PeerRunning)

    /* Restarted */
    ON(Restarted, RestartedUnprepared) GOTO(ResumingAtBase) DO(ResumeGuestAtBase) END
    ON(Restarted, RestartedUnpreparedEmpty) GOTO(Lost) DO(JournalSettled) DO(ReportLost) END
    ON_STORE(Restarted, RestartedWithGuest) GOTO(Doubting) DO(ReadRecord) END
    ON_NOSTORE(Restarted, RestartedWithGuest) GOTO(Held) DO(ReportHeld) END
    ON_STORE(Restarted, RestartedEmpty) GOTO(EmptyReading) DO(ReadRecord) END
    ON_NOSTORE(Restarted, RestartedEmpty) GOTO(EmptyWaiting) DO(ReportHeld) END

    /* EmptyReading */
#if defined(MUTATE_EMPTY_SOURCE_RECLAIMS)
    ON(EmptyReading, RecordAtBase) GOTO(Reclaiming) DO(CreateEpochForSource) END
#else
    ON(EmptyReading, RecordAtBase) GOTO(EmptyWaiting) DO(StartRetryTimer) END
#endif
    ON(EmptyReading, RecordGranted) GOTO(EmptyWaiting) DO(StartRetryTimer) END
    ON(EmptyReading, RecordResuming) GOTO(EmptyWaiting) DO(StartRetryTimer) END
    ON(EmptyReading, RecordRunning) GOTO(Released) DO(JournalSettled) DO(ReportMoved) END
    ON(EmptyReading, RecordOwn) GOTO(Lost) DO(JournalSettled) DO(ReportLost) END
    ON(EmptyReading, RecordForeign) GOTO(EmptyWaiting) DO(ReportHeld) END
    ON(EmptyReading, RecordUnreadable) GOTO(EmptyWaiting) DO(StartRetryTimer) END

    /* EmptyWaiting */
    ON_STORE(EmptyWaiting, PeerRunning) GOTO(EmptyReading) DO(ReadRecord) END
    ON_NOSTORE(EmptyWaiting, PeerRunning) GOTO(Released) DO(JournalSettled) DO(ReportMoved) END
    ON_STORE(EmptyWaiting, PeerHandedBack) GOTO(EmptyReading) DO(ReadRecord) END
    ON_STORE(EmptyWaiting, RetryDue) GOTO(EmptyReading) DO(ReadRecord) END
    ON(EmptyWaiting, RetryPeriodOver) GOTO(EmptyWaiting) DO(ReportHeld) END
    ON_STORE(EmptyWaiting, OperatorResumes) GOTO(EmptyReading) DO(ReadRecord) END
    ON_NOSTORE(EmptyWaiting, OperatorResumes) GOTO(Lost) DO(JournalSettled) DO(ReportLost) END
    ON_STORE(EmptyWaiting, OperatorReleases) GOTO(EmptyReading) DO(ReadRecord) END
    ON_STORE(EmptyWaiting, OperatorTakesBack) GOTO(Lost) DO(JournalSettled) DO(ReportLost) END
    ON_NOSTORE(EmptyWaiting, OperatorReleases) GOTO(Released) DO(JournalSettled) DO(ReportMoved) END
