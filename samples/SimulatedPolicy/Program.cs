// A policy and a fault of one's own in the simulator: the policy is compared with the engine's on the same guests, then
// both sides go through a thousand migrations in which anything may go wrong, and every promise must hold.

using PageEngine.Planning;
using PageEngine.Simulation;
using PageEngine.Simulation.Faults;
using PageEngine.Simulation.Generators;
using PageEngine.Simulation.Workloads;

// 1. The same guest under two policies: 256 MiB over 1 Gbit/s, 16 MiB of it written at 60 MiB/s.
var guest = new SimulatedGuest { Pages = 65_536, Workload = new UniformWorkload(60 << 20, setBytes: 16 << 20) };
Compare("the engine's", static () => new SwitchoverTimeGoalPolicy());
Compare("while it quarters", static () => new QuartersOrGoesPolicy());

// 2. A fault of one's own, beside those that the simulator has: the destination's disk is slow, and COMMIT is lost.
SimulationResult faulty = Simulator.Run(new SimulationOptions
{
    Policy = static () => new QuartersOrGoesPolicy(),
    Faults = new FaultSchedule(
        new MessageLoss(SimulatedMessageKind.Commit, First: 0),
        new EveryJournalEntryTakes(TimeSpan.FromMilliseconds(40))),
    RecordsTrace = true,
});
Console.WriteLine($"\nCOMMIT lost, slow disk: {faulty.Outcome} under epoch {faulty.Epoch}, blackout {faulty.Blackout.TotalMilliseconds:0} ms. Its trace ends:");
foreach (SimulationTraceEntry entry in faulty.Trace.Where(entry => entry.Who is "guest" or "Store").TakeLast(5))
{
    Console.WriteLine(entry);
}

// 3. A thousand migrations with random faults. A failure would print its seed, its faults and the way there.
var outcomes = new SortedDictionary<SimulationOutcome, int>();
long steps = 0;
for (ulong seed = 1; seed <= 1000; seed++)
{
    SimulationOptions options = SimulationScenario.FromSeed(seed) with { Policy = static () => new QuartersOrGoesPolicy() };
    SimulationResult result = Simulator.Run(options);
    if (result.Violation is not null)
    {
        Console.Error.WriteLine(SimulationShrinker.Shrink(options));
        return 1;
    }

    steps += result.Steps;
    outcomes[result.Outcome] = outcomes.GetValueOrDefault(result.Outcome) + 1;
}

Console.WriteLine($"\n1000 migrations with faults, {steps} steps, every promise kept: {string.Join(", ", outcomes.Select(o => $"{o.Value} {o.Key}"))}");
return 0;

void Compare(string name, Func<IMigrationPolicy> policy)
{
    SimulationResult result = Simulator.Run(new SimulationOptions { Guest = guest, Policy = policy });
    Console.WriteLine(
        $"{name,-18} {result.Rounds.Count} rounds, {result.RemainingPages} pages left, blackout {result.Blackout.TotalMilliseconds:0.0} ms (predicted {result.Predicted?.Total.TotalMilliseconds:0.0} ms)");
}

/// <summary>Makes another round as long as the newest one left less than a quarter of what it offered.</summary>
internal sealed class QuartersOrGoesPolicy : IMigrationPolicy
{
    public MigrationDecision Decide(PlanningState state) => state.RemainingPages * 4 <= state.Rounds[^1].DirtyPages && state.Rounds.Count < 20
        ? new MigrationDecision(DecisionKind.NextRound, $"{state.RemainingPages} pages left, fewer than a quarter of {state.Rounds[^1].DirtyPages}.")
        : new MigrationDecision(DecisionKind.SwitchOver, $"{state.RemainingPages} pages left.", Forced: true);
}

/// <summary>A slow disk at the destination. A fault holds no state: it only looks at what it is asked about.</summary>
internal sealed record EveryJournalEntryTakes(TimeSpan Time) : SimulationFault
{
    public override void OnHostWork(in SimulatedHostWork work, ref HostFate fate)
    {
        if (work is { Kind: SimulatedHostWorkKind.Journal, On: SimulatedSide.Destination })
        {
            fate.Delay += Time;
        }
    }
}
