namespace PageEngine.Switchover;

// Owns: the states of the source's side of a switchover.

/// <summary>Where the source is. See <see cref="SourceSwitchover"/> for the picture.</summary>
internal enum SourceState : byte
{
    /// <summary>Not a state.</summary>
    None = 0,

    /// <summary>The guest runs and memory is copied in rounds; nothing is at stake.</summary>
    Copying = 1,

    /// <summary>The guest runs; the journal entry "may be prepared" is being written.</summary>
    Journaling = 2,

    /// <summary>The guest is being paused.</summary>
    Pausing = 3,

    /// <summary>The guest is paused; the last pass and the device state are being sent. PREPARE has not left.</summary>
    LastPass = 4,

    /// <summary>The attempt is over before PREPARE left; a local operation must end before the guest resumes.</summary>
    Withdrawing = 5,

    /// <summary>PREPARE may have left: the guest stays paused until the record says who runs.</summary>
    Preparing = 6,

    /// <summary>The epoch for the destination is being created.</summary>
    Granting = 7,

    /// <summary>The source's own next epoch is being created.</summary>
    Reclaiming = 8,

    /// <summary>What came of a create is not known; the record is being read.</summary>
    Doubting = 9,

    /// <summary>The record was as before, or could not be read; the next try is due later.</summary>
    Waiting = 10,

    /// <summary>The record names the destination; its word that the guest runs is awaited.</summary>
    Granted = 11,

    /// <summary>As <see cref="Granted"/>, and the record is being read.</summary>
    GrantedReading = 12,

    /// <summary>Without a store: COMMIT may have left.</summary>
    Offered = 13,

    /// <summary>Held until an operator decides.</summary>
    Held = 14,

    /// <summary>The guest is being resumed under the epoch it had: PREPARE never left, or there is no store.</summary>
    ResumingAtBase = 15,

    /// <summary>Resuming failed; the next try is due later.</summary>
    ResumeWaitingAtBase = 16,

    /// <summary>The guest is being resumed under the source's own new epoch.</summary>
    ResumingAtOwnEpoch = 17,

    /// <summary>Resuming failed; the next try is due later.</summary>
    ResumeWaitingAtOwnEpoch = 18,

    /// <summary>The destination runs the guest; the copy here is being freed.</summary>
    Releasing = 19,

    /// <summary>End: the guest runs here.</summary>
    RunsHere = 20,

    /// <summary>End: the guest has moved, nothing is left here.</summary>
    Released = 21,

    /// <summary>Start of a process that found the journal of an attempt that had not ended.</summary>
    Restarted = 22,

    /// <summary>Restarted without the guest's memory; the record is being read.</summary>
    EmptyReading = 23,

    /// <summary>Restarted without the guest's memory; it is the destination's turn.</summary>
    EmptyWaiting = 24,

    /// <summary>End: this side owns the guest and its memory is gone.</summary>
    Lost = 25,

    /// <summary>An operator says that the destination of a granted guest is dead; the record and its mark are being read anew.</summary>
    GrantedChecking = 26,

    /// <summary>The destination is dead and never began to resume; the epoch that takes the guest back is being created.</summary>
    TakingBack = 27,
}
