namespace PageEngine.Switchover;

// Owns: what the driver of the source does on behalf of the machine.

/// <summary>One act. Those that say "answers with" end in exactly one such event; the others are done at once.</summary>
internal enum SourceEffect : byte
{
    /// <summary>Not an effect.</summary>
    None = 0,

    /// <summary>Make "attempt A may be prepared at e" durable on this host; answers with AttemptJournaled or JournalFailed.</summary>
    JournalAttempt = 1,

    /// <summary>Pause the guest; answers with GuestPaused or PauseFailed.</summary>
    PauseGuest = 2,

    /// <summary>Save the device state, harvest and send what is left; answers with LastPassDone or LastPassFailed.</summary>
    RunLastPass = 3,

    /// <summary>Ask the local operation under way to end early; its own answer still comes.</summary>
    StopLocalWork = 4,

    /// <summary>Send PREPARE. From the call on it may have left.</summary>
    SendPrepare = 5,

    /// <summary>Create (e+1, destination, A); answers with EpochCreated, EpochConflict or EpochUnknown.</summary>
    CreateEpochForDestination = 6,

    /// <summary>Create (e+1, source, A); answers with EpochCreated, EpochConflict or EpochUnknown.</summary>
    CreateEpochForSource = 7,

    /// <summary>Read the highest record and the mark of e+1; answers with <see cref="SwitchoverAttempt.SeenFromSource"/> or RecordUnreadable.</summary>
    ReadRecord = 8,

    /// <summary>Send COMMIT: with a store only a hint, sent when there is a connection.</summary>
    SendCommit = 9,

    /// <summary>Send ABORT: with a store only a hint, sent when there is a connection.</summary>
    SendAbort = 10,

    /// <summary>Resume the guest under e; harmless when it runs; answers with GuestResumed or ResumeFailed.</summary>
    ResumeGuestAtBase = 11,

    /// <summary>Resume the guest under the epoch that was created or read last; harmless when it runs under it; answers with GuestResumed or ResumeFailed.</summary>
    ResumeGuestAtOwnEpoch = 12,

    /// <summary>Serve what post-copy still needs, verify if asked, then free the guest here; answers with MemoryFreed.</summary>
    FreeMemory = 13,

    /// <summary>Start the timer for the answer to PREPARE; it ends in PeerTimedOut.</summary>
    StartAnswerTimer = 14,

    /// <summary>Start the timer for the word that the guest runs; it ends in PeerTimedOut.</summary>
    StartRunningTimer = 15,

    /// <summary>Start the short timer between tries; it ends in RetryDue.</summary>
    StartRetryTimer = 16,

    /// <summary>Note in the journal that nothing is left to settle. Best effort: without it a restart looks again.</summary>
    JournalSettled = 17,

    /// <summary>Report: the guest runs on here.</summary>
    ReportRunsHere = 18,

    /// <summary>Report: the guest runs at the destination.</summary>
    ReportMoved = 19,

    /// <summary>Report: held, with <see cref="SourceSwitchover.HoldOf"/> of the new state.</summary>
    ReportHeld = 20,

    /// <summary>Report: no complete copy survived here, and this side owns the guest.</summary>
    ReportLost = 21,

    /// <summary>Report: the request to cancel came too late.</summary>
    ReportTooLate = 22,

    /// <summary>As <see cref="ReadRecord"/>, but never older than the call: a mark that is missed here lets a state run that
    /// the destination has gone beyond. A store that may answer with the past is not read but answered with RecordUnreadable.</summary>
    ReadRecordAnew = 23,

    /// <summary>Create (e+2, source, A) in the place of a destination that is dead; answers with EpochCreated, EpochConflict or EpochUnknown.</summary>
    CreateHandBackEpoch = 24,
}
