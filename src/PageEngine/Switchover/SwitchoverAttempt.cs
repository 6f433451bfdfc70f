using PageEngine.Ownership;

namespace PageEngine.Switchover;

// Owns: the identity of one attempt, the three records that can end it, and what a record read from the store means
// to either side. Pure.

/// <summary>One attempt to move one guest: who, from which run to which, and the epoch it starts from.</summary>
/// <param name="GuestId">The guest.</param>
/// <param name="BaseEpoch">The epoch e under which the source runs.</param>
/// <param name="SourceRun">The run at the source, the holder of e.</param>
/// <param name="DestinationRun">The run that the destination would start.</param>
/// <param name="Attempt">The attempt's token A.</param>
internal sealed record SwitchoverAttempt(Guid GuestId, ulong BaseEpoch, RunId SourceRun, RunId DestinationRun, AttemptId Attempt)
{
    /// <summary>Gets (e+1, D, A): the guest moves.</summary>
    public OwnershipRecord ForDestination { get; } = new(GuestId, checked(BaseEpoch + 1), DestinationRun, Attempt);

    /// <summary>Gets (e+1, S, A): the guest stays.</summary>
    public OwnershipRecord ForSource { get; } = new(GuestId, checked(BaseEpoch + 1), SourceRun, Attempt);

    /// <summary>Gets (e+2, S, A): a destination that was granted the guest gives it back.</summary>
    public OwnershipRecord HandBack { get; } = new(GuestId, checked(BaseEpoch + 2), SourceRun, Attempt);

    /// <summary>Says what the highest record means to the source.</summary>
    /// <param name="highest">The highest record, or null when the guest has none.</param>
    /// <param name="markOfNext">The mark of epoch e+1, read after the record.</param>
    public SourceEvent SeenFromSource(OwnershipRecord? highest, OwnershipMark markOfNext)
    {
        if (highest is null || highest.GuestId != GuestId || highest.Epoch < BaseEpoch)
        {
            return SourceEvent.RecordForeign;
        }

        if (highest.Holder == SourceRun)
        {
            return highest.Epoch == BaseEpoch ? SourceEvent.RecordAtBase : SourceEvent.RecordOwn;
        }

        if (highest == ForDestination)
        {
            return markOfNext switch
            {
                OwnershipMark.None => SourceEvent.RecordGranted,
                OwnershipMark.Resuming => SourceEvent.RecordResuming,
                _ => SourceEvent.RecordRunning,
            };
        }

        // Somebody else's later epoch proves that the guest ran at the destination only together with its mark.
        return highest.Epoch > ForDestination.Epoch && markOfNext == OwnershipMark.Running
            ? SourceEvent.RecordRunning
            : SourceEvent.RecordForeign;
    }

    /// <summary>Says what the highest record means to the destination.</summary>
    /// <param name="highest">The highest record, or null when the guest has none.</param>
    /// <param name="markOfNext">The mark of epoch e+1, read after the record.</param>
    public DestinationEvent SeenFromDestination(OwnershipRecord? highest, OwnershipMark markOfNext)
    {
        if (highest is null || highest.GuestId != GuestId || highest.Epoch < BaseEpoch)
        {
            return DestinationEvent.RecordForeign;
        }

        if (highest.Epoch == BaseEpoch)
        {
            return highest.Holder == SourceRun ? DestinationEvent.RecordAtBase : DestinationEvent.RecordForeign;
        }

        if (highest == ForDestination)
        {
            return markOfNext switch
            {
                OwnershipMark.None => DestinationEvent.RecordOwn,
                OwnershipMark.Resuming => DestinationEvent.RecordOwnResuming,
                _ => DestinationEvent.RecordOwnRunning,
            };
        }

        return DestinationEvent.RecordOther;
    }
}
