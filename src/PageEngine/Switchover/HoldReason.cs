namespace PageEngine.Switchover;

// Owns: the reasons for which a guest stands still at the end of a migration. No state waits without one.

/// <summary>Why nobody runs, as far as this side can tell.</summary>
internal enum HoldReason : byte
{
    /// <summary>The state is not a hold.</summary>
    None = 0,

    /// <summary>The record cannot be read or written, so nobody may decide.</summary>
    StoreUnreachable = 1,

    /// <summary>The record names the destination, which has not said that it runs.</summary>
    DestinationSilent = 2,

    /// <summary>There is no store, and COMMIT may or may not have arrived.</summary>
    NoStore = 3,

    /// <summary>The record says what neither side of this attempt can have written.</summary>
    RecordForeign = 4,

    /// <summary>This side owns the guest, but the guest does not resume.</summary>
    GuestDoesNotResume = 5,

    /// <summary>This side had begun to resume, and its memory is gone: an operator decides whether the source may go on.</summary>
    MemoryGoneAfterResuming = 6,

    /// <summary>This side has no memory of the guest and waits for the other side to decide.</summary>
    MemoryGone = 7,

    /// <summary>The destination is prepared and waits for the source or for the claim time.</summary>
    SourceSilent = 8,

    /// <summary>The guest is to go back to the source, and the record does not say so yet.</summary>
    HandBackPending = 9,
}
