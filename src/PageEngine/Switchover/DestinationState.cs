namespace PageEngine.Switchover;

// Owns: the states of the destination's side of a switchover.

/// <summary>Where the destination is. See <see cref="DestinationSwitchover"/> for the picture.</summary>
internal enum DestinationState : byte
{
    /// <summary>Not a state.</summary>
    None = 0,

    /// <summary>Pages arrive; the copy is not complete and nothing is at stake.</summary>
    Receiving = 1,

    /// <summary>PREPARE came; totals are checked and the state is being loaded.</summary>
    Restoring = 2,

    /// <summary>The journal entry "prepared" is being written.</summary>
    JournalingPrepared = 3,

    /// <summary>The attempt is over before the answer left; a local operation must end before the copy goes.</summary>
    Abandoning = 4,

    /// <summary>The answer may have left: the copy stays until the record says who runs.</summary>
    Prepared = 5,

    /// <summary>Prepared, and the record is being read.</summary>
    Reading = 6,

    /// <summary>Prepared, and the destination's own epoch is being created because the source is silent.</summary>
    Claiming = 7,

    /// <summary>The record names this run; the epoch is being raised at every guarded resource.</summary>
    RaisingGuards = 8,

    /// <summary>The mark "resuming" is being made durable.</summary>
    MarkingResuming = 9,

    /// <summary>The mark failed and may be there all the same; the next try is due later.</summary>
    MarkWaiting = 10,

    /// <summary>The guest is being resumed.</summary>
    Resuming = 11,

    /// <summary>Resuming failed; the next try is due later.</summary>
    ResumeWaiting = 12,

    /// <summary>The guest runs; the mark "running" is being made durable.</summary>
    MarkingRunning = 13,

    /// <summary>The guest runs; the mark failed and the next try is due later.</summary>
    RunningUnmarked = 14,

    /// <summary>End: the guest runs here.</summary>
    RunsHere = 15,

    /// <summary>The record names this run, which cannot run; the journal entry "handing back" is being written.</summary>
    JournalingHandBack = 16,

    /// <summary>The epoch that gives the guest back is being created.</summary>
    HandingBack = 17,

    /// <summary>What came of it is not known; the record is being read. This run never resumes again.</summary>
    HandBackReading = 18,

    /// <summary>Not handed back yet; the next try is due later.</summary>
    HandBackWaiting = 19,

    /// <summary>The copy is being discarded.</summary>
    Discarding = 20,

    /// <summary>End: nothing of the guest is here.</summary>
    Discarded = 21,

    /// <summary>Held until an operator decides; the copy is here.</summary>
    Held = 22,

    /// <summary>Start of a process that found the journal of an attempt that had not ended.</summary>
    Restarted = 23,

    /// <summary>Restarted prepared without memory; the record is being read.</summary>
    EmptyReading = 24,

    /// <summary>Restarted prepared without memory; the next try is due later.</summary>
    EmptyWaiting = 25,

    /// <summary>Restarted prepared without memory; the source's own epoch is being created to free it.</summary>
    EmptyFreeing = 26,

    /// <summary>Restarted granted without memory and never resuming; the guest is being given back.</summary>
    EmptyHandingBack = 27,

    /// <summary>Held until an operator decides; nothing of the guest is here.</summary>
    HeldEmpty = 28,

    /// <summary>End: the guest ran here and its memory is gone.</summary>
    Lost = 29,
}
