using PageEngine.Switchover;

namespace PageEngine.Ownership;

// Owns: what a journal amounts to, and the event with which a restarted process begins. Pure.

/// <summary>A journal, folded.</summary>
/// <param name="Header">The attempt.</param>
/// <param name="Entries">What was written, oldest first.</param>
/// <param name="TornTail">Whether the last entry was cut short: it never became durable, so nobody acted on it, but it
/// may have been any entry.</param>
internal sealed record JournalState(JournalHeader Header, IReadOnlyList<JournalEntry> Entries, bool TornTail)
{
    /// <summary>Gets whether nothing is left to settle.</summary>
    public bool IsSettled => Has(JournalEntryKind.Settled);

    /// <summary>Gets the mark that this host knows to be durable at the store.</summary>
    public OwnershipMark KnownMark => Has(JournalEntryKind.Running) ? OwnershipMark.Running
        : Has(JournalEntryKind.Resuming) ? OwnershipMark.Resuming
        : OwnershipMark.None;

    /// <summary>Tells whether an entry was written.</summary>
    public bool Has(JournalEntryKind kind)
    {
        foreach (JournalEntry entry in Entries)
        {
            if (entry.Kind == kind)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Gets the event with which a restarted source begins in <see cref="SourceState.Restarted"/>.</summary>
    /// <param name="guestIsHere">Whether the guest's memory outlived the old process.</param>
    /// <returns><see cref="SourceEvent.None"/> when nothing is left to settle.</returns>
    public SourceEvent RestartSource(bool guestIsHere)
    {
        if (IsSettled)
        {
            return SourceEvent.None;
        }

        // A torn entry may have been "may be prepared": looking at the record is always safe.
        bool mayBePrepared = TornTail || Has(JournalEntryKind.MayBePrepared);
        return (mayBePrepared, guestIsHere) switch
        {
            (false, true) => SourceEvent.RestartedUnprepared,
            (false, false) => SourceEvent.RestartedUnpreparedEmpty,
            (true, true) => SourceEvent.RestartedWithGuest,
            (true, false) => SourceEvent.RestartedEmpty,
        };
    }

    /// <summary>Gets the event with which a restarted destination begins in <see cref="DestinationState.Restarted"/>.</summary>
    /// <param name="guestIsHere">Whether the copy, or the guest, outlived the old process.</param>
    /// <returns><see cref="DestinationEvent.None"/> when nothing is left to settle: it was never prepared.</returns>
    public DestinationEvent RestartDestination(bool guestIsHere)
    {
        if (IsSettled)
        {
            return DestinationEvent.None;
        }

        if (Has(JournalEntryKind.HandingBack))
        {
            return DestinationEvent.RestartedHandingBack;
        }

        bool mayBePrepared = TornTail || Has(JournalEntryKind.Prepared);
        return (mayBePrepared, guestIsHere) switch
        {
            (false, _) => DestinationEvent.None,
            (true, true) when KnownMark >= OwnershipMark.Resuming => DestinationEvent.RestartedResuming,
            (true, true) => DestinationEvent.RestartedWithGuest,
            (true, false) => DestinationEvent.RestartedEmpty,
        };
    }
}
