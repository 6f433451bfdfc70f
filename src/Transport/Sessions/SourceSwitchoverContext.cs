using PageEngine.Devices;
using PageEngine.Guests;
using PageEngine.Ownership;
using PageEngine.Planning;
using PageEngine.Reporting;
using PageEngine.Switchover;

namespace PageEngine.Transport.Sessions;

// Owns: what a switchover at the source works on. The rehearsal runs the same code on another context.

/// <summary>The surroundings of one switchover at the source.</summary>
internal sealed class SourceSwitchoverContext(
    MigrationIdentity identity,
    IGuest guest,
    GuestOwnership ownership,
    RunId destinationRun,
    SourceTransport transport,
    SessionRoles roles,
    MigrationSourceOptions options)
{
    internal MigrationIdentity Identity => identity;

    internal IGuest Guest => guest;

    internal GuestOwnership Ownership => ownership;

    internal RunId DestinationRun => destinationRun;

    internal SourceTransport Transport => transport;

    internal SessionRoles Roles => roles;

    internal MigrationSourceOptions Options => options;

    /// <summary>Gets the time without collections; ended by the switchover's end.</summary>
    internal QuietPeriod Quiet { get; } = new();

    /// <summary>Gets the memory that device states pass through, the rehearsals' and then the guest's.</summary>
    internal DeviceStateRoom StateRoom { get; private init; } = new();

    /// <summary>Gets or sets the journal; null where none is kept.</summary>
    internal MigrationJournal? Journal { get; set; }

    /// <summary>Gets or sets the number of the next round on the streams; the rehearsals count too.</summary>
    internal int NextRound { get; set; }

    /// <summary>Gets the attempt: who, from which run to which, and the epoch it starts from.</summary>
    internal SwitchoverAttempt Attempt { get; } =
        new(ownership.GuestId, ownership.Epoch, ownership.Run, destinationRun, identity.Attempt);

    /// <summary>Gets what the attempt's journal begins with.</summary>
    internal JournalHeader JournalHeader =>
        new(JournalSide.Source, Attempt, identity.Id, ownership.Store?.Description ?? "", transport.Peer);

    /// <summary>The same migration with an empty guest, a scratch record and an attempt of its own.</summary>
    internal SourceSwitchoverContext ForRehearsal(IGuest scratch, GuestOwnership scratchOwnership) =>
        new(identity with { GuestId = scratch.Id, Attempt = AttemptId.NewRandom() }, scratch, scratchOwnership, destinationRun, transport, roles, options)
        {
            NextRound = NextRound,
            StateRoom = StateRoom,
        };
}

/// <summary>How a switchover ended, and what it took.</summary>
internal sealed record SwitchoverResult
{
    internal required GuestWhereabouts Guest { get; init; }

    internal required ulong Epoch { get; init; }

    internal MigrationException? Failure { get; init; }

    internal required SwitchoverParts Parts { get; init; }

    /// <summary>Gets the time from the decision to the pause, in which the guest still wrote.</summary>
    internal TimeSpan Approach { get; init; }

    /// <summary>Gets the blackout; null when the guest never ran again.</summary>
    internal TimeSpan? Blackout { get; init; }

    internal long RemainingPages { get; init; }

    internal SwitchoverReport? ToReport(TimeSpan goal, SwitchoverPrediction predicted) => Blackout is null
        ? null
        : new SwitchoverReport
        {
            Goal = goal,
            Predicted = predicted,
            Actual = Blackout.Value,
            RemainingPages = RemainingPages,
            Parts = Parts,
        };
}
