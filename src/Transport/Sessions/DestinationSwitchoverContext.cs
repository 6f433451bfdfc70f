using PageEngine.Guests;
using PageEngine.Ownership;
using PageEngine.Streaming;
using PageEngine.Switchover;
using PageEngine.Transport.Control;

namespace PageEngine.Transport.Sessions;

// Owns: what a switchover at the destination works on. The rehearsal runs the same code on another context.

/// <summary>The surroundings of one switchover at the destination.</summary>
internal sealed record DestinationSwitchoverContext
{
    internal required MigrationIdentity Identity { get; init; }

    internal required IGuest Guest { get; init; }

    internal required PrepareMessage Prepare { get; init; }

    /// <summary>Gets the attempt, as this side knows it: the real one, or the rehearsal's.</summary>
    internal required SwitchoverAttempt Attempt { get; init; }

    internal required DestinationTransport Transport { get; init; }

    /// <summary>Gets what is known about the pages that arrived; null in the rehearsal, whose layout is empty.</summary>
    internal required PageApplier? Applier { get; init; }

    internal required MigrationJournal? Journal { get; init; }

    internal required MigrationDestinationOptions Options { get; init; }

    internal required SessionRoles Roles { get; init; }

    /// <summary>Gets what can be told about the source's process.</summary>
    internal required PeerPresence Source { get; init; }

    /// <summary>Gets how long a lost source is waited for before the guest is claimed.</summary>
    internal required TimeSpan ClaimTimeout { get; init; }
}
