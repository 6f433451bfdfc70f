namespace PageEngine.Simulation.Workloads;

// Owns: the seam to what writes the guest's pages.

/// <summary>What the guest writes while it runs. Implementations hold no state: everything they need is in
/// <see cref="GuestRun"/>, so that the same options always give the same run.</summary>
public interface ISimulatedWorkload
{
    /// <summary>Writes what the guest writes in a span of time.</summary>
    /// <param name="run">The span, and the pages.</param>
    void Write(GuestRun run);
}
