using PageEngine.Switchover;
using DestinationAnswer = PageEngine.Switchover.Transition<PageEngine.Switchover.DestinationState, PageEngine.Switchover.DestinationEffect>;
using SourceAnswer = PageEngine.Switchover.Transition<PageEngine.Switchover.SourceState, PageEngine.Switchover.SourceEffect>;

namespace PageEngine.Simulation.Running;

// Owns: the decisions that a run is made with: the shipped tables, or in a test ones with a mistake in them.

internal sealed record SimulatedRules
{
    public static SimulatedRules Shipped { get; } = new();

    public Func<SourceState, SourceEvent, OwnershipMode, SourceAnswer> Source { get; init; } = SourceSwitchover.Next;

    public Func<DestinationState, DestinationEvent, OwnershipMode, DestinationAnswer> Destination { get; init; } = DestinationSwitchover.Next;

    /// <summary>Gets whether the store lets an epoch be created again by somebody else.</summary>
    public bool EpochsCanBeCreatedTwice { get; init; }

    /// <summary>Gets whether the tracer reports only the first write of a page ever.</summary>
    public bool NeverRearms { get; init; }

    /// <summary>Gets whether the last collect comes before the device state is saved.</summary>
    public bool CollectsBeforeSave { get; init; }

    /// <summary>Gets whether a side forgets its timer when it ends.</summary>
    public bool LeavesTimers { get; init; }
}
