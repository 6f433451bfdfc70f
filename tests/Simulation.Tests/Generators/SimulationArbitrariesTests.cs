using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using PageEngine.Planning;
using PageEngine.Simulation.Faults;
using PageEngine.Simulation.Generators;
using PageEngine.Simulation.Workloads;
using Xunit;

namespace PageEngine.Simulation.Tests.Generators;

// Owns: that what the generators make is what they say, and that a user's properties can be written with them.
[Properties(Arbitrary = [typeof(SimulationArbitraries)])]
public sealed class SimulationArbitrariesTests
{
    [Property(MaxTest = 200)]
    public void Simulation_keepsEveryPromise(SimulationOptions options) => Assert.Null(Simulator.Run(options).Violation);

    [Property(MaxTest = 200)]
    public void AnyGuestLinkAndFaults_goTogether(SimulatedGuest guest, SimulatedLink link, FaultSchedule faults) =>
        Assert.Null(Simulator.Run(new SimulationOptions { Guest = guest, Link = link, Faults = faults }).Violation);

    [Property(MaxTest = 200)]
    public void EnginesPolicy_answersEveryState(PlanningState state)
    {
        MigrationDecision decision = new SwitchoverTimeGoalPolicy().Decide(state);
        Assert.NotEqual(DecisionKind.None, decision.Kind);
        Assert.NotEqual(DecisionKind.PostCopy, decision.Kind);
        Assert.True(decision.Kind != DecisionKind.Throttle || state.ThrottleAvailable);
        Assert.InRange(state.RemainingPages, 0, state.GuestPages);
    }

    [Property(MaxTest = 200)]
    public void MilderFault_isAnotherFault(SimulationFault fault) => Assert.DoesNotContain(fault, fault.Milder());

    [Property(MaxTest = 100)]
    public void Workload_writesTheSameEveryTime(ISimulatedWorkload workload)
    {
        var options = new SimulationOptions { Guest = new SimulatedGuest { Workload = workload, Pages = 40 } };
        Assert.Equal(Simulator.Run(options).Fingerprint, Simulator.Run(options).Fingerprint);
    }

    [Fact]
    public void DirtyWords_areOfEveryKind()
    {
        ulong[][] samples = [.. SimulationArbitraries.DirtyWords().Generator.Sample(200)];
        Assert.Contains(samples, words => words.Length > 0 && words.All(word => word == 0));
        Assert.Contains(samples, words => words.Length > 0 && words.All(word => word == ulong.MaxValue));
        Assert.Contains(samples, words => words.Any(word => System.Numerics.BitOperations.PopCount(word) == 1));
    }

    [Fact]
    public void FailingSimulation_isShrunkByItsArbitrary()
    {
        Arbitrary<SimulationOptions> arbitrary = SimulationArbitraries.Simulations();
        var rules = new Running.SimulatedRules { NeverRearms = true };
        SimulationOptions smallest = Enumerable.Range(1, 200).Select(seed => SimulationScenario.FromSeed((ulong)seed) with { Rules = rules })
            .First(options => options.Faults.Count >= 3 && Simulator.Run(options).Violation is not null);
        for (SimulationOptions? next = smallest; next is not null; smallest = next ?? smallest)
        {
            next = arbitrary.Shrinker(smallest).FirstOrDefault(options => Simulator.Run(options).Violation is not null);
        }

        Assert.InRange(smallest.Faults.Count, 0, 2);
        Assert.NotNull(Simulator.Run(smallest).Violation);
    }

    [Fact]
    public void GeneratedSchedules_containEveryFault()
    {
        var seen = new HashSet<Type>();
        for (ulong seed = 0; seed < 500; seed++)
        {
            seen.UnionWith(SimulationScenario.FaultsFrom(seed).Select(fault => fault.GetType()));
        }

        Type[] all = [.. typeof(SimulationFault).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(SimulationFault)))];
        Assert.True(all.Length >= 15);
        Assert.Empty(all.Except(seen).Select(type => type.Name));
    }
}
