using PageEngine.Ownership;
using PageEngine.Switchover;

namespace PageEngine.Transport.Sessions;

// Owns: the sentence for each reason for which a guest is held.

internal static class HoldReasons
{
    internal static string Say(HoldReason reason, IOwnershipStore? store, Guid guestId) => reason switch
    {
        HoldReason.StoreUnreachable => $"The ownership store ({store?.Description}) cannot be read or written, so nobody may decide who runs guest {guestId}. Bring it back and look at the record.",
        HoldReason.DestinationSilent => $"The record gives guest {guestId} to the destination, which has not said that it runs. Look at the destination before anything is started ({store?.Description}).",
        HoldReason.NoStore => $"There is no ownership store, and whether guest {guestId} runs at the other side is not known here. Look there before anything is started.",
        HoldReason.RecordForeign => $"The record of guest {guestId} ({store?.Description}) says what neither side of this migration can have written. Find out where the guest runs before anything is started.",
        HoldReason.GuestDoesNotResume => $"This side owns guest {guestId}, but the guest does not resume.",
        HoldReason.SourceSilent => $"Guest {guestId} is complete here and the source is silent; the record ({store?.Description}) decides.",
        HoldReason.HandBackPending => $"Guest {guestId} cannot run here and is to go back to the source; the record ({store?.Description}) does not say so yet.",
        _ => $"Guest {guestId} is held.",
    };
}
