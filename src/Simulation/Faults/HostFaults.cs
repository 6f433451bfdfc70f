namespace PageEngine.Simulation.Faults;

// Owns: what can happen to a host's own work: its journal's disk, its guest, its guards.

/// <summary>Lets a host's own work fail: a journal that is not written, a guest that does not pause or resume, guards that
/// cannot be raised, a copy that cannot be loaded.</summary>
/// <param name="Kind">Which work.</param>
/// <param name="On">Which side.</param>
/// <param name="First">The number of the first one.</param>
/// <param name="Count">How many.</param>
/// <param name="AfterEffect">For a journal entry: whether it is there all the same.</param>
public sealed record HostWorkFailure(
    SimulatedHostWorkKind Kind, SimulatedSide On, int First, int Count = 1, bool AfterEffect = false) : SimulationFault
{
    /// <inheritdoc/>
    public override void OnHostWork(in SimulatedHostWork work, ref HostFate fate)
    {
        if (work.Kind == Kind && work.On == On && work.Number >= First && work.Number - First < Count)
        {
            fate.Fails |= !AfterEffect;
            fate.FailsAfterEffect |= AfterEffect;
        }
    }

    /// <inheritdoc/>
    public override IEnumerable<SimulationFault> Milder() => Count > 1 ? [this with { Count = 1 }] : [];
}

/// <summary>Slows a host's own work down: a slow disk, a guest that takes long to pause.</summary>
/// <param name="Kind">Which work.</param>
/// <param name="On">Which side.</param>
/// <param name="First">The number of the first one.</param>
/// <param name="Count">How many.</param>
/// <param name="By">By how much.</param>
public sealed record SlowHostWork(SimulatedHostWorkKind Kind, SimulatedSide On, int First, int Count, TimeSpan By) : SimulationFault
{
    /// <inheritdoc/>
    public override void OnHostWork(in SimulatedHostWork work, ref HostFate fate)
    {
        if (work.Kind == Kind && work.On == On && work.Number >= First && work.Number - First < Count)
        {
            fate.Delay += By;
        }
    }

    /// <inheritdoc/>
    public override IEnumerable<SimulationFault> Milder() =>
        Count > 1 ? [this with { Count = 1 }] : Shorter.Of(By).Select(by => this with { By = by });
}
