namespace PageEngine.Switchover;

// Owns: what can happen to the destination's side of a switchover.

/// <summary>What the driver of the destination feeds into <see cref="DestinationSwitchover"/>.</summary>
internal enum DestinationEvent : byte
{
    /// <summary>Not an event.</summary>
    None = 0,

    /// <summary>Message: PREPARE of this attempt.</summary>
    PrepareReceived = 1,

    /// <summary>Message: COMMIT of this attempt. With a store a hint.</summary>
    CommitReceived = 2,

    /// <summary>Message: the source ended the attempt. With a store a hint, once prepared.</summary>
    AbortReceived = 3,

    /// <summary>The connection is gone.</summary>
    ConnectionLost = 4,

    /// <summary>Somebody asked to cancel at this side.</summary>
    CancelRequested = 5,

    /// <summary>The attempt failed on this side for a reason that is not the connection.</summary>
    AttemptFailed = 6,

    /// <summary>Result of RestoreAndCheck: the copy is complete and loaded.</summary>
    RestoreDone = 7,

    /// <summary>Result of RestoreAndCheck: totals or digests differ, or the state does not load.</summary>
    RestoreFailed = 8,

    /// <summary>Result of JournalPrepared: durable.</summary>
    PreparedJournaled = 9,

    /// <summary>Result of JournalHandBack: durable.</summary>
    HandBackJournaled = 10,

    /// <summary>Result of JournalPrepared or JournalHandBack: failed.</summary>
    JournalFailed = 11,

    /// <summary>The timer of StartRetryTimer.</summary>
    RetryDue = 12,

    /// <summary>The timer of StartRetryTimer, when the source has been silent for the claim time by then.</summary>
    ClaimDue = 13,

    /// <summary>The time for retries is over: say so to people; nothing else changes.</summary>
    RetryPeriodOver = 14,

    /// <summary>Result of a create: the epoch is the record that was to be created.</summary>
    EpochCreated = 15,

    /// <summary>Result of a create: refused, another record is in the way.</summary>
    EpochConflict = 16,

    /// <summary>Result of a create: not known; it may still happen later.</summary>
    EpochUnknown = 17,

    /// <summary>Result of ReadRecord: as it was before the attempt.</summary>
    RecordAtBase = 18,

    /// <summary>Result of ReadRecord: this run and this attempt, nothing marked.</summary>
    RecordOwn = 19,

    /// <summary>Result of ReadRecord: this run and this attempt, marked "resuming".</summary>
    RecordOwnResuming = 20,

    /// <summary>Result of ReadRecord: this run and this attempt, marked "running".</summary>
    RecordOwnRunning = 21,

    /// <summary>Result of ReadRecord: an epoch above e that is not this run's.</summary>
    RecordOther = 22,

    /// <summary>Result of ReadRecord: no epoch as high as e, or e is not the source's: another store.</summary>
    RecordForeign = 23,

    /// <summary>Result of ReadRecord: the store did not answer, or the record is damaged.</summary>
    RecordUnreadable = 24,

    /// <summary>Result of RaiseGuards: every one.</summary>
    GuardsRaised = 25,

    /// <summary>Result of RaiseGuards: at least one could not be raised.</summary>
    GuardsFailed = 26,

    /// <summary>Result of MarkResuming or MarkRunning: durable.</summary>
    Marked = 27,

    /// <summary>Result of MarkResuming or MarkRunning: failed, or not known.</summary>
    MarkFailed = 28,

    /// <summary>Result of ResumeGuest: the guest runs.</summary>
    GuestResumed = 29,

    /// <summary>Result of ResumeGuest: no virtual CPU has run.</summary>
    ResumeFailed = 30,

    /// <summary>Result of Discard.</summary>
    CopyDiscarded = 31,

    /// <summary>Restart: the journal says prepared, and the copy (or the guest) is here.</summary>
    RestartedWithGuest = 32,

    /// <summary>Restart: the journal says that the guest was being handed back; whether the copy is here does not matter.</summary>
    RestartedHandingBack = 33,

    /// <summary>Restart: the journal says prepared, and the memory died with the old process.</summary>
    RestartedEmpty = 34,

    /// <summary>Restart: the journal says that the guest may have run, and it is here.</summary>
    RestartedResuming = 35,

    /// <summary>An operator says that the guest shall run here. With a store this is only a wish to look again.</summary>
    OperatorResumes = 36,

    /// <summary>An operator gives the guest back to the source.</summary>
    OperatorReturns = 37,
}
