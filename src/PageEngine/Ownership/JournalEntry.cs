namespace PageEngine.Ownership;

// Owns: what a journal can say. The codes are on disk and are never reused; zero is not a valid code.

/// <summary>One fact about an attempt, as this host knew it.</summary>
internal enum JournalEntryKind : ushort
{
    /// <summary>Not an entry.</summary>
    None = 0,

    /// <summary>Source: from now on the attempt may be prepared at the destination.</summary>
    MayBePrepared = 1,

    /// <summary>Destination: the copy is complete, and the answer may have left.</summary>
    Prepared = 2,

    /// <summary>Destination: the guest is being given back; this run never resumes again.</summary>
    HandingBack = 3,

    /// <summary>Destination: "resuming" is marked; from now on the guest may have run.</summary>
    Resuming = 4,

    /// <summary>Destination: the guest runs.</summary>
    Running = 5,

    /// <summary>Nothing is left to settle.</summary>
    Settled = 6,

    /// <summary>An operator decided that the guest runs on this side.</summary>
    OperatorResumed = 7,

    /// <summary>An operator decided that the guest runs on the other side.</summary>
    OperatorReleased = 8,
}

/// <summary>One entry.</summary>
/// <param name="Kind">The fact.</param>
/// <param name="Epoch">The epoch it is about.</param>
/// <param name="At">When it was written, by this host's clock; for people only.</param>
internal readonly record struct JournalEntry(JournalEntryKind Kind, ulong Epoch, DateTimeOffset At);
