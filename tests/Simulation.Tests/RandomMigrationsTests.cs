using System.Diagnostics;
using System.Globalization;
using PageEngine.Simulation.Generators;
using Xunit;
using Xunit.Abstractions;

namespace PageEngine.Simulation.Tests;

// Owns: the search for broken promises: many random migrations with random faults, by the seed.
public sealed class RandomMigrationsTests(ITestOutputHelper output)
{
    /// <summary>How many to simulate: PAGEENGINE_SIMULATED_MIGRATIONS, by default 10,000.</summary>
    private static readonly int Count = int.TryParse(
        Environment.GetEnvironmentVariable("PAGEENGINE_SIMULATED_MIGRATIONS"), NumberStyles.None, CultureInfo.InvariantCulture, out int count) ? count : 10_000;

    /// <summary>Where to begin: PAGEENGINE_SIMULATION_SEED, by default 1, so that a regular run is the same every time.</summary>
    private static readonly ulong First = ulong.TryParse(
        Environment.GetEnvironmentVariable("PAGEENGINE_SIMULATION_SEED"), NumberStyles.None, CultureInfo.InvariantCulture, out ulong first) ? first : 1;

    [Fact]
    public void RandomMigrations_withRandomFaults_keepEveryPromise()
    {
        var outcomes = new SortedDictionary<SimulationOutcome, int>();
        long steps = 0;
        long faults = 0;
        var watch = Stopwatch.StartNew();
        for (int i = 0; i < Count; i++)
        {
            SimulationOptions options = SimulationScenario.FromSeed(First + (ulong)i);
            SimulationResult result = Simulator.Run(options);
            if (result.Violation is not null)
            {
                Assert.Fail(SimulationShrinker.Shrink(options).ToString());
            }

            steps += result.Steps;
            faults += result.FaultsApplied;
            outcomes[result.Outcome] = outcomes.GetValueOrDefault(result.Outcome) + 1;
            if ((i + 1) % 1_000_000 == 0)
            {
                output.WriteLine($"{i + 1} migrations, {steps} steps after {watch.Elapsed.TotalSeconds:0} s");
            }
        }

        output.WriteLine($"{Count} migrations, {steps} steps, {faults} faults in {watch.Elapsed.TotalSeconds:0.0} s: "
            + string.Join(", ", outcomes.Select(outcome => $"{outcome.Value} {outcome.Key}")));

        // A search that hardly ever fails, or nearly always, would find nothing.
        if (Count >= 10_000)
        {
            Assert.True(steps >= 100L * Count, $"Only {steps} steps.");
            Assert.True(faults >= 2L * Count, $"Only {faults} faults did something.");
            Assert.All(
                [SimulationOutcome.RunsAtSource, SimulationOutcome.RunsAtDestination, SimulationOutcome.Held, SimulationOutcome.Lost],
                outcome => Assert.True(outcomes.GetValueOrDefault(outcome) >= Count / 1000, $"Hardly any migration ended {outcome}."));
            Assert.True(outcomes[SimulationOutcome.RunsAtDestination] < Count * 9 / 10);
            Assert.DoesNotContain(SimulationOutcome.Unfinished, outcomes.Keys);
        }
    }
}
