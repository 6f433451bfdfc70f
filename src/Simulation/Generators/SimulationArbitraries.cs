using FsCheck;
using FsCheck.Fluent;
using PageEngine.Planning;
using PageEngine.Simulation.Faults;
using PageEngine.Simulation.Running;
using PageEngine.Simulation.Workloads;

namespace PageEngine.Simulation.Generators;

// Owns: FsCheck's view of the simulator: generators of its parts, and shrinking by leaving faults out.

/// <summary>Arbitraries for FsCheck: <c>[Properties(Arbitrary = new[] { typeof(SimulationArbitraries) })]</c>, or
/// <c>Prop.ForAll(SimulationArbitraries.Simulations(), ...)</c>.</summary>
public static class SimulationArbitraries
{
    private const ulong Purpose = 20;

    /// <summary>Whole simulations with random faults. Shrinking leaves faults out, makes them milder, and takes fewer pages.</summary>
    public static Arbitrary<SimulationOptions> Simulations() => Arb.From(
        Seeds().Select(seed => SimulationScenario.FromSeed(seed)),
        options => SimulationShrinker.Smaller(options));

    /// <summary>Guests of 1 to 48 pages.</summary>
    public static Arbitrary<SimulatedGuest> Guests() => Arb.From(Seeds().Select(seed => SimulationScenario.FromSeed(seed).Guest));

    /// <summary>Links from 1 MB/s to 1 GB/s with up to 20 ms latency and up to 30 ms jitter.</summary>
    public static Arbitrary<SimulatedLink> Links() => Arb.From(Seeds().Select(seed => SimulationScenario.FromSeed(seed).Link));

    /// <summary>Workloads: idle, uniform, sequential, bursty.</summary>
    public static Arbitrary<ISimulatedWorkload> Workloads() => Arb.From(Seeds().Select(seed =>
    {
        var random = new SimulationRandom(SimulationRandom.Derive(seed, Purpose));
        return SimulationScenario.WorkloadFrom(ref random);
    }));

    /// <summary>Single faults of every kind that the simulator has.</summary>
    public static Arbitrary<SimulationFault> Faults() => Arb.From(
        Seeds().Select(seed =>
        {
            var random = new SimulationRandom(SimulationRandom.Derive(seed, Purpose));
            return SimulationScenario.FaultFrom(ref random);
        }),
        fault => fault.Milder());

    /// <summary>Schedules of up to six faults.</summary>
    public static Arbitrary<FaultSchedule> FaultSchedules() => Arb.From(
        Seeds().Select(seed => SimulationScenario.FaultsFrom(seed)),
        schedule => Enumerable.Range(0, schedule.Count).Select(schedule.Without));

    /// <summary>Dirty bitmaps as words of 64 pages: empty, sparse, in runs, full.</summary>
    public static Arbitrary<ulong[]> DirtyWords() => Arb.From(
        Seeds().Select(DirtyWordsFrom),
        words => words.Length == 0 ? [] : [words[..(words.Length / 2)], [.. words.Select(_ => 0ul)]]);

    /// <summary>States as a policy sees them after one to twelve rounds, consistent in themselves.</summary>
    public static Arbitrary<PlanningState> PlanningStates() => Arb.From(
        Seeds().Select(PlanningStateFrom),
        state => Enumerable.Range(1, state.Rounds.Count - 1).Select(kept => Assess(
            [.. state.Rounds.Take(kept)], state.GuestPages, state.Prediction.Fixed, state.ThrottleAvailable, state.Throttle)));

    private static Gen<ulong> Seeds() =>
        from high in Gen.Choose(0, int.MaxValue)
        from low in Gen.Choose(0, int.MaxValue)
        select ((ulong)high << 31) | (uint)low;

    private static ulong[] DirtyWordsFrom(ulong seed)
    {
        var random = new SimulationRandom(SimulationRandom.Derive(seed, Purpose));
        var words = new ulong[random.Below(40)];
        int kind = random.Below(4);
        for (int i = 0; i < words.Length; i++)
        {
            words[i] = kind switch
            {
                0 => 0,
                1 => random.Chance(0.2) ? 1ul << random.Below(64) : 0,
                2 => random.Next() << random.Below(64),
                _ => ulong.MaxValue,
            };
        }

        return words;
    }

    private static PlanningState PlanningStateFrom(ulong seed)
    {
        var random = new SimulationRandom(SimulationRandom.Derive(seed, Purpose));
        long pages = 1 + random.Below(1 << 20);
        double bandwidth = 1e6 * Math.Pow(10_000, random.Fraction());
        double throttle = random.Chance(0.3) ? random.Fraction() : 0;
        var rounds = new RoundStatistics[1 + random.Below(12)];
        long dirty = pages;
        for (int i = 0; i < rounds.Length; i++)
        {
            long zero = i == 0 ? (long)(dirty * random.Fraction() * 0.5) : 0;
            long bytes = ((dirty - zero) * 4104) + zero;
            long next = Math.Min(pages, (long)(dirty * 1.5 * random.Fraction()));
            rounds[i] = new RoundStatistics
            {
                Index = i,
                DirtyPages = dirty,
                SentPages = dirty - zero,
                ZeroPages = zero,
                WireBytes = bytes,
                Duration = TimeSpan.FromSeconds(bytes / bandwidth) + TimeSpan.FromTicks(1 + random.Below(10_000)),
                HarvestDuration = TimeSpan.FromTicks(random.Below(100_000)),
                DirtiedPages = next,
                Throttle = throttle,
            };
            dirty = next;
        }

        return Assess(rounds, pages, TimeSpan.FromMilliseconds(20 * random.Fraction()), random.Chance(0.5), throttle);
    }

    private static PlanningState Assess(RoundStatistics[] rounds, long pages, TimeSpan fixedPart, bool throttles, double throttle) =>
        SwitchoverEstimator.Assess(
            rounds, rounds[^1].DirtiedPages, pages, new SwitchoverFixedCosts { Commit = fixedPart },
            rounds.Aggregate(TimeSpan.Zero, (sum, round) => sum + round.Duration + round.HarvestDuration), throttles, throttle);
}
