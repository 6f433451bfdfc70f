namespace PageEngine.Simulation.Faults;

// Owns: what a fault may do to the system by itself, at a time it chooses.

/// <summary>The running system, as a fault sees it. Valid during the run only.</summary>
public interface ISimulatedSystem
{
    /// <summary>Gets the virtual time.</summary>
    TimeSpan Now { get; }

    /// <summary>Does something later.</summary>
    /// <param name="after">How much later; 0 or more.</param>
    /// <param name="act">What.</param>
    void Schedule(TimeSpan after, Action act);

    /// <summary>Kills a process. Harmless when it is dead or has nothing left to do.</summary>
    /// <param name="side">Whose.</param>
    /// <param name="keepsMemory">Whether the guest's memory outlives it, as that of a virtual machine in a process of its own does.</param>
    /// <param name="restartsAfter">When it comes back; null for never.</param>
    /// <param name="powerLoss">Whether journal entries that were not flushed are gone too.</param>
    void Crash(SimulatedSide side, bool keepsMemory, TimeSpan? restartsAfter, bool powerLoss = false);

    /// <summary>Stops a process for a while; whatever it should do meanwhile it does afterwards.</summary>
    void Pause(SimulatedSide side, TimeSpan duration);

    /// <summary>Cuts the newest attempt's connection; both sides notice at once.</summary>
    void Cut();

    /// <summary>Swallows every message between the hosts for a while; nobody is told.</summary>
    void BlackHole(TimeSpan duration);

    /// <summary>Takes the store away for a while; requests under way may or may not have been carried out.</summary>
    void StoreOutage(TimeSpan duration);

    /// <summary>Asks a side to cancel.</summary>
    void Cancel(SimulatedSide side);
}
