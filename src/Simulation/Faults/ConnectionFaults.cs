namespace PageEngine.Simulation.Faults;

// Owns: what can happen to the connection and to requests to cancel, at a given time.

/// <summary>Cuts the connection.</summary>
/// <param name="At">When.</param>
public sealed record ConnectionCut(TimeSpan At) : SimulationFault
{
    /// <inheritdoc/>
    public override void Begin(ISimulatedSystem system)
    {
        ArgumentNullException.ThrowIfNull(system);
        system.Schedule(At, system.Cut);
    }
}

/// <summary>Swallows every message for a while.</summary>
/// <param name="At">From when on.</param>
/// <param name="Duration">For how long.</param>
public sealed record BlackHole(TimeSpan At, TimeSpan Duration) : SimulationFault
{
    /// <inheritdoc/>
    public override void Begin(ISimulatedSystem system)
    {
        ArgumentNullException.ThrowIfNull(system);
        system.Schedule(At, () => system.BlackHole(Duration));
    }

    /// <inheritdoc/>
    public override IEnumerable<SimulationFault> Milder() => Shorter.Of(Duration).Select(duration => this with { Duration = duration });
}

/// <summary>Asks a side to cancel.</summary>
/// <param name="Side">Which side.</param>
/// <param name="At">When.</param>
public sealed record CancelRequest(SimulatedSide Side, TimeSpan At) : SimulationFault
{
    /// <inheritdoc/>
    public override void Begin(ISimulatedSystem system)
    {
        ArgumentNullException.ThrowIfNull(system);
        system.Schedule(At, () => system.Cancel(Side));
    }
}
