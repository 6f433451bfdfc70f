using PageEngine.Simulation.Running;

namespace PageEngine.Simulation;

// Owns: the entry point: options in, result out, nothing kept.

/// <summary>
/// Simulates migrations under virtual time: both sides, the network and the store in one thread from one seed, driving
/// the decisions that the engine ships. Every promise of the protocol is checked after every step.
/// </summary>
public static class Simulator
{
    /// <summary>Runs a simulation to its end: the guest is somewhere for good, or held, and nothing more happens; or a
    /// promise is broken.</summary>
    /// <param name="options">What is simulated.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is outside its range.</exception>
    /// <exception cref="MigrationException">The policy decided what the guest cannot do.</exception>
    /// <remarks>Exceptions of a policy, workload or fault of one's own pass through. Safe to call from several threads at once
    /// if those are.</remarks>
    public static SimulationResult Run(SimulationOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var world = new World(options);
        world.Run();
        PreCopyRounds rounds = world.Source.Rounds;
        return new SimulationResult
        {
            Outcome = OutcomeOf(world),
            Violation = world.Violation,
            Hold = world.Promises.Hold,
            Steps = world.Steps,
            VirtualTime = world.Clock.Now,
            Epoch = world.LastEpoch,
            Attempts = world.Sources.Count,
            Rounds = rounds.Rounds,
            Decision = rounds.Decision,
            Predicted = rounds.Predicted,
            RemainingPages = rounds.RemainingPages,
            Blackout = world.Blackout,
            FaultsApplied = world.Faults.Applied,
            Fingerprint = world.Fingerprint,
            Trace = world.Trace,
        };
    }

    private static SimulationOutcome OutcomeOf(World world) =>
        world.Violation is not null ? SimulationOutcome.Violated
        : world.SourceCopy.IsActive && world.Source is { IsAlive: true, IsCopying: true } ? SimulationOutcome.Unfinished
        : world.SourceCopy.IsActive ? SimulationOutcome.RunsAtSource
        : world.Destinations.Exists(process => process.Copy.IsActive) ? SimulationOutcome.RunsAtDestination
        : world.Promises.IsLost ? SimulationOutcome.Lost
        : SimulationOutcome.Held;
}
