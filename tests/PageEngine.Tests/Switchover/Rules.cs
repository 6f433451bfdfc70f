using PageEngine.Switchover;
using DestinationAnswer = PageEngine.Switchover.Transition<PageEngine.Switchover.DestinationState, PageEngine.Switchover.DestinationEffect>;
using SourceAnswer = PageEngine.Switchover.Transition<PageEngine.Switchover.SourceState, PageEngine.Switchover.SourceEffect>;

namespace PageEngine.Tests.Switchover;

/// <summary>What the explorer runs: the shipped tables, or ones with a mistake in them.</summary>
internal sealed record Rules
{
    public OwnershipMode Mode { get; init; } = OwnershipMode.Store;

    public Func<SourceState, SourceEvent, OwnershipMode, SourceAnswer> Source { get; init; } = SourceSwitchover.Next;

    public Func<DestinationState, DestinationEvent, OwnershipMode, DestinationAnswer> Destination { get; init; } = DestinationSwitchover.Next;

    /// <summary>Gets whether the store is broken: an epoch can be created again by somebody else.</summary>
    public bool EpochsCanBeCreatedTwice { get; init; }

    /// <summary>Gets how many attempts the source may make, one after the other.</summary>
    public int Attempts { get; init; } = 1;

    /// <summary>Gets how many crashes there may be, of either side.</summary>
    public int Crashes { get; init; } = 2;

    /// <summary>Gets whether a source that crashed comes back.</summary>
    public bool SourceRestarts { get; init; } = true;

    /// <summary>Gets whether a destination that crashed comes back.</summary>
    public bool DestinationRestarts { get; init; } = true;

    /// <summary>Gets whether a guest may outlive the process that moves it, as a virtual machine's own process does.</summary>
    public bool GuestsOutliveProcesses { get; init; } = true;

    /// <summary>Gets whether an operator may say that a destination which crashed is dead, so that the source takes a granted
    /// guest back. From then on that destination comes back without its copy, or not at all.</summary>
    public bool OperatorTakesBack { get; init; }

    /// <summary>Gets whether he says so of destinations that live.</summary>
    public bool OperatorErrs { get; init; }

    /// <summary>Gets whether the store breaks its promise not to answer with the past when it is read anew.</summary>
    public bool ReadsAnewMayBeOld { get; init; }
}
