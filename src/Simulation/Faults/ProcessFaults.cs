namespace PageEngine.Simulation.Faults;

// Owns: what can happen to a process: before one of its effects, or at a given time.

/// <summary>Kills a side right before it carries out one of its effects, so at any step of the protocol.</summary>
/// <param name="Side">Which side.</param>
/// <param name="Effect">The number of the effect that it does not come to.</param>
/// <param name="KeepsMemory">Whether the guest's memory outlives the process.</param>
/// <param name="RestartsAfter">When it comes back; null for never.</param>
/// <param name="LosesPower">Whether journal entries that were not flushed are gone too.</param>
public sealed record CrashBeforeEffect(
    SimulatedSide Side, int Effect, bool KeepsMemory, TimeSpan? RestartsAfter, bool LosesPower = false) : SimulationFault
{
    /// <inheritdoc/>
    public override void OnEffect(in SimulatedEffect effect, ref ProcessFate fate)
    {
        if (effect.On == Side && effect.Number == Effect)
        {
            fate.Crashes = true;
            fate.KeepsMemory = KeepsMemory;
            fate.RestartsAfter = RestartsAfter;
            fate.LosesPower = LosesPower;
        }
    }

    /// <inheritdoc/>
    public override IEnumerable<SimulationFault> Milder() =>
        LosesPower ? [this with { LosesPower = false }]
        : RestartsAfter is { } after ? Shorter.Of(after).Select(shorter => this with { RestartsAfter = shorter })
        : [this with { RestartsAfter = TimeSpan.FromMilliseconds(100) }];
}

/// <summary>Kills a process at a given time, so also in the middle of its work.</summary>
/// <param name="Side">Which one.</param>
/// <param name="At">When.</param>
/// <param name="KeepsMemory">Whether the guest's memory outlives the process.</param>
/// <param name="RestartsAfter">When it comes back; null for never.</param>
public sealed record CrashAt(SimulatedSide Side, TimeSpan At, bool KeepsMemory, TimeSpan? RestartsAfter) : SimulationFault
{
    /// <inheritdoc/>
    public override void Begin(ISimulatedSystem system)
    {
        ArgumentNullException.ThrowIfNull(system);
        system.Schedule(At, () => system.Crash(Side, KeepsMemory, RestartsAfter));
    }

    /// <inheritdoc/>
    public override IEnumerable<SimulationFault> Milder() =>
        RestartsAfter is { } after ? Shorter.Of(after).Select(shorter => this with { RestartsAfter = shorter })
        : [this with { RestartsAfter = TimeSpan.FromMilliseconds(100) }];
}

/// <summary>Stops a side right before one of its effects, for a while.</summary>
/// <param name="Side">Which side.</param>
/// <param name="Effect">The number of the effect.</param>
/// <param name="Duration">For how long.</param>
public sealed record PauseBeforeEffect(SimulatedSide Side, int Effect, TimeSpan Duration) : SimulationFault
{
    /// <inheritdoc/>
    public override void OnEffect(in SimulatedEffect effect, ref ProcessFate fate)
    {
        if (effect.On == Side && effect.Number == Effect)
        {
            fate.Pause += Duration;
        }
    }

    /// <inheritdoc/>
    public override IEnumerable<SimulationFault> Milder() => Shorter.Of(Duration).Select(duration => this with { Duration = duration });
}

/// <summary>Stops a process at a given time, for a while.</summary>
/// <param name="Side">Which one.</param>
/// <param name="At">When.</param>
/// <param name="Duration">For how long.</param>
public sealed record PauseAt(SimulatedSide Side, TimeSpan At, TimeSpan Duration) : SimulationFault
{
    /// <inheritdoc/>
    public override void Begin(ISimulatedSystem system)
    {
        ArgumentNullException.ThrowIfNull(system);
        system.Schedule(At, () => system.Pause(Side, Duration));
    }

    /// <inheritdoc/>
    public override IEnumerable<SimulationFault> Milder() => Shorter.Of(Duration).Select(duration => this with { Duration = duration });
}
