using PageEngine.Planning;
using PageEngine.Simulation.Faults;
using PageEngine.Simulation.Running;

namespace PageEngine.Simulation;

// Owns: everything that a run follows from. Immutable: the same options give the same run, step by step.

/// <summary>What is simulated. Two runs with equal options are equal in every step.</summary>
public sealed record SimulationOptions
{
    /// <summary>Gets the seed from which everything that is drawn follows.</summary>
    public ulong Seed { get; init; }

    /// <summary>Gets the guest.</summary>
    public SimulatedGuest Guest { get; init; } = new();

    /// <summary>Gets the link.</summary>
    public SimulatedLink Link { get; init; } = new();

    /// <summary>Gets what the hosts' own work takes.</summary>
    public SimulatedCosts Costs { get; init; } = new();

    /// <summary>Gets the timers.</summary>
    public SimulatedTimers Timers { get; init; } = SimulatedTimers.Short;

    /// <summary>Gets what makes the policy of an attempt; default: the engine's own with a goal of 500 ms.</summary>
    public Func<IMigrationPolicy> Policy { get; init; } = static () => new SwitchoverTimeGoalPolicy();

    /// <summary>Gets whether an ownership store decides; without one, a migration in doubt is held for an operator.</summary>
    public bool HasStore { get; init; } = true;

    /// <summary>Gets how many attempts the source makes while the guest stays with it.</summary>
    public int Attempts { get; init; } = 1;

    /// <summary>Gets the faults.</summary>
    public FaultSchedule Faults { get; init; } = FaultSchedule.None;

    /// <summary>Gets whether the run is written down; costs most of the time.</summary>
    public bool RecordsTrace { get; init; }

    /// <summary>Gets the virtual time after which a run that copies on is ended.</summary>
    public TimeSpan MaxVirtualTime { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Gets the steps after which a run is ended: a fault or policy of one's own may never let it end.</summary>
    public long MaxSteps { get; init; } = 10_000_000;

    internal SimulatedRules Rules { get; init; } = SimulatedRules.Shipped;

    internal void Validate()
    {
        Guest.Validate();
        Link.Validate();
        Costs.Validate();
        Timers.Validate();
        ArgumentNullException.ThrowIfNull(Policy);
        ArgumentNullException.ThrowIfNull(Faults);
        ArgumentOutOfRangeException.ThrowIfLessThan(Attempts, 1, nameof(Attempts));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(MaxVirtualTime, TimeSpan.Zero, nameof(MaxVirtualTime));
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxSteps, 1, nameof(MaxSteps));
    }
}
