namespace PageEngine.Switchover;

// Owns: what can happen to the source's side of a switchover.

/// <summary>What the driver of the source feeds into <see cref="SourceSwitchover"/>.</summary>
internal enum SourceEvent : byte
{
    /// <summary>Not an event.</summary>
    None = 0,

    /// <summary>The policy chose to switch over.</summary>
    SwitchoverDecided = 1,

    /// <summary>Somebody asked to cancel.</summary>
    CancelRequested = 2,

    /// <summary>The attempt failed on this side for a reason that is not the connection.</summary>
    AttemptFailed = 3,

    /// <summary>The connection is gone.</summary>
    ConnectionLost = 4,

    /// <summary>The peer was silent for longer than allowed.</summary>
    PeerTimedOut = 5,

    /// <summary>Result of JournalAttempt: durable.</summary>
    AttemptJournaled = 6,

    /// <summary>Result of JournalAttempt: failed.</summary>
    JournalFailed = 7,

    /// <summary>Result of PauseGuest: no virtual CPU runs.</summary>
    GuestPaused = 8,

    /// <summary>Result of PauseGuest: failed; it may have been paused in part.</summary>
    PauseFailed = 9,

    /// <summary>Result of RunLastPass: every byte was acknowledged, device state included.</summary>
    LastPassDone = 10,

    /// <summary>Result of RunLastPass: failed or stopped.</summary>
    LastPassFailed = 11,

    /// <summary>Message: the destination has restored and journaled the attempt.</summary>
    PeerPrepared = 12,

    /// <summary>Message: the destination ends the attempt and is not prepared.</summary>
    PeerRefused = 13,

    /// <summary>Message: the guest runs at the destination under the next epoch.</summary>
    PeerRunning = 14,

    /// <summary>Message, a hint: the destination gave the guest back.</summary>
    PeerHandedBack = 15,

    /// <summary>Result of a create: the epoch is the record that was to be created.</summary>
    EpochCreated = 16,

    /// <summary>Result of a create: refused, another record is in the way.</summary>
    EpochConflict = 17,

    /// <summary>Result of a create: not known; it may still happen later.</summary>
    EpochUnknown = 18,

    /// <summary>Result of ReadRecord: as it was before the attempt.</summary>
    RecordAtBase = 19,

    /// <summary>Result of ReadRecord: the next epoch is the destination's, and it has marked nothing.</summary>
    RecordGranted = 20,

    /// <summary>Result of ReadRecord: the destination has marked that it is resuming.</summary>
    RecordResuming = 21,

    /// <summary>Result of ReadRecord: the destination has marked that the guest runs.</summary>
    RecordRunning = 22,

    /// <summary>Result of ReadRecord: a newer epoch names this run.</summary>
    RecordOwn = 23,

    /// <summary>Result of ReadRecord: something that neither side of this attempt can have written.</summary>
    RecordForeign = 24,

    /// <summary>Result of ReadRecord: the store did not answer, or the record is damaged.</summary>
    RecordUnreadable = 25,

    /// <summary>The timer of StartRetryTimer.</summary>
    RetryDue = 26,

    /// <summary>The time for retries is over: say so to people; nothing else changes.</summary>
    RetryPeriodOver = 27,

    /// <summary>Result of a resume: the guest runs.</summary>
    GuestResumed = 28,

    /// <summary>Result of a resume: no virtual CPU has run.</summary>
    ResumeFailed = 29,

    /// <summary>Result of FreeMemory.</summary>
    MemoryFreed = 30,

    /// <summary>Restart: the journal says that PREPARE cannot have left, and the guest is here.</summary>
    RestartedUnprepared = 31,

    /// <summary>Restart: the journal says that PREPARE cannot have left, and the guest died with the old process.</summary>
    RestartedUnpreparedEmpty = 32,

    /// <summary>Restart: PREPARE may have left, and the guest is here.</summary>
    RestartedWithGuest = 33,

    /// <summary>Restart: PREPARE may have left, and the guest's memory died with the old process.</summary>
    RestartedEmpty = 34,

    /// <summary>An operator says that the guest shall run here. With a store this is only a wish to look again.</summary>
    OperatorResumes = 35,

    /// <summary>An operator says that the guest runs at the destination. With a store this is only a wish to look again.</summary>
    OperatorReleases = 36,

    /// <summary>An operator says that the destination is dead: its process has ended, and its copy is gone or will never be
    /// started. The record is believed before him: what has marked "resuming" is not taken back.</summary>
    OperatorTakesBack = 37,
}
