namespace PageEngine.Switchover;

// Owns: what the driver of the destination does on behalf of the machine.

/// <summary>One act. Those that say "answers with" end in exactly one such event; the others are done at once.</summary>
internal enum DestinationEffect : byte
{
    /// <summary>Not an effect.</summary>
    None = 0,

    /// <summary>Check totals, digests and that every page was offered, load the device state; answers with RestoreDone or RestoreFailed.</summary>
    RestoreAndCheck = 1,

    /// <summary>Make "prepared(A, e)" durable on this host; answers with PreparedJournaled or JournalFailed.</summary>
    JournalPrepared = 2,

    /// <summary>Answer PREPARE.</summary>
    SendPrepared = 3,

    /// <summary>Tell the source that this side ends the attempt and is not prepared.</summary>
    SendRefused = 4,

    /// <summary>Read the highest record and the mark of e+1, which is the higher of the store's and this host's journal's; answers with <see cref="SwitchoverAttempt.SeenFromDestination"/> or RecordUnreadable.</summary>
    ReadRecord = 5,

    /// <summary>Create (e+1, destination, A); answers with EpochCreated, EpochConflict or EpochUnknown.</summary>
    CreateOwnEpoch = 6,

    /// <summary>Create (e+1, source, A); answers with EpochCreated, EpochConflict or EpochUnknown.</summary>
    CreateEpochForSource = 7,

    /// <summary>Make "handing back" durable on this host; answers with HandBackJournaled or JournalFailed.</summary>
    JournalHandBack = 8,

    /// <summary>Create (e+2, source, A); answers with EpochCreated, EpochConflict or EpochUnknown.</summary>
    CreateHandBackEpoch = 9,

    /// <summary>Raise the epoch at every guarded resource; answers with GuardsRaised or GuardsFailed.</summary>
    RaiseGuards = 10,

    /// <summary>Mark "resuming" in the store, then note it in the journal (not durable: the store has it; without a store
    /// durable, and that is the mark); answers with Marked or MarkFailed.</summary>
    MarkResuming = 11,

    /// <summary>Resume the guest under e+1; harmless when it runs; answers with GuestResumed or ResumeFailed.</summary>
    ResumeGuest = 12,

    /// <summary>Tell the source that the guest runs.</summary>
    SendRunning = 13,

    /// <summary>Mark "running" in the store (without one: in the journal); answers with Marked or MarkFailed.</summary>
    MarkRunning = 14,

    /// <summary>Tell the source that it may look at the record: the guest is its own again.</summary>
    SendHandedBack = 15,

    /// <summary>Note in the journal that nothing is left to settle. Best effort: without it a restart looks again.</summary>
    JournalSettled = 16,

    /// <summary>Free the copy; answers with CopyDiscarded.</summary>
    Discard = 17,

    /// <summary>Ask the local operation under way to end early; its own answer still comes.</summary>
    StopLocalWork = 18,

    /// <summary>Start the short timer between tries; it ends in RetryDue, or in ClaimDue when the source was silent for the claim time.</summary>
    StartRetryTimer = 19,

    /// <summary>Report: the guest runs here.</summary>
    ReportMoved = 20,

    /// <summary>Report: nothing of the guest is here.</summary>
    ReportDiscarded = 21,

    /// <summary>Report: held, with <see cref="DestinationSwitchover.HoldOf"/> of the new state.</summary>
    ReportHeld = 22,

    /// <summary>Report: the guest ran here and is lost.</summary>
    ReportLost = 23,

    /// <summary>Report: the request to cancel came too late.</summary>
    ReportTooLate = 24,
}
