using PageEngine.Planning;
using PageEngine.Simulation.Faults;
using PageEngine.Simulation.Generators;
using PageEngine.Simulation.Workloads;
using Xunit;

namespace PageEngine.Simulation.Tests;

// Owns: the simulator as a tool: the same every time, open for policies, workloads and faults of one's own, honest about
// what it is given.
public sealed class SimulatorTests
{
    [Fact]
    public void SameSeed_givesTheSameTrace()
    {
        for (ulong seed = 1; seed <= 100; seed++)
        {
            SimulationOptions options = SimulationScenario.FromSeed(seed) with { RecordsTrace = true };
            SimulationResult first = Simulator.Run(options);
            SimulationResult second = Simulator.Run(SimulationScenario.FromSeed(seed) with { RecordsTrace = true });
            SimulationResult quiet = Simulator.Run(options with { RecordsTrace = false });
            Assert.Equal(first.Trace, second.Trace);
            Assert.Equal((first.Fingerprint, first.Steps, first.Outcome), (second.Fingerprint, second.Steps, second.Outcome));
            Assert.Equal((first.Fingerprint, first.Steps, first.Outcome), (quiet.Fingerprint, quiet.Steps, quiet.Outcome));
            Assert.Empty(quiet.Trace);
        }
    }

    [Fact]
    public void DifferentSeeds_giveDifferentRuns() =>
        Assert.True(Enumerable.Range(1, 100).Select(seed => Simulator.Run(SimulationScenario.FromSeed((ulong)seed)).Fingerprint).Distinct().Count() > 95);

    [Fact]
    public void Blackout_isTheSumOfItsPartsWhenNothingIsLeftToSend()
    {
        var options = new SimulationOptions { Guest = new SimulatedGuest { Workload = new UniformWorkload(0) } };
        SimulationResult result = Simulator.Run(options);
        SimulatedCosts costs = options.Costs;
        TimeSpan control = options.Link.ControlLatency;

        // Saving the device state writes a page, which is the one that is left.
        Assert.Equal(1, result.RemainingPages);
        TimeSpan page = TimeSpan.FromSeconds(options.Link.WireBytesPerPage / options.Link.BandwidthBytesPerSecond);
        TimeSpan parts = (2 * costs.Harvest) + costs.StateSave + page + control + costs.Restore + costs.DiskWrite + control
            + costs.Store + control + costs.Store + costs.RaiseGuards + costs.Store + costs.Resume;
        Assert.InRange(result.Blackout, parts - TimeSpan.FromMilliseconds(0.5), parts + TimeSpan.FromMilliseconds(0.5));
    }

    [Fact]
    public void PolicyOfOnesOwn_decides()
    {
        SimulationResult result = Simulator.Run(new SimulationOptions
        {
            Guest = new SimulatedGuest { Pages = 1000, Workload = new UniformWorkload(10 << 20) },
            Policy = static () => new RoundLimitPolicy(maxRounds: 4, fewPages: 0),
        });
        Assert.Equal(4, result.Rounds.Count);
        Assert.Equal(SimulationOutcome.RunsAtDestination, result.Outcome);
        Assert.Equal(1000, result.Rounds[0].DirtyPages);
    }

    [Fact]
    public void GuestThatDirtiesFasterThanTheLink_isGivenUpByTheEnginesPolicy()
    {
        SimulationResult result = Simulator.Run(new SimulationOptions
        {
            Guest = new SimulatedGuest { Pages = 50_000, Workload = new SequentialWorkload(400e6) },
        });
        Assert.Equal(SimulationOutcome.RunsAtSource, result.Outcome);
        Assert.Equal(DecisionKind.GiveUp, result.Decision?.Kind);
        Assert.Equal(TimeSpan.Zero, result.Blackout);
    }

    [Fact]
    public void GuestThatCanBeThrottled_moves()
    {
        SimulationResult result = Simulator.Run(new SimulationOptions
        {
            Guest = new SimulatedGuest { Pages = 50_000, Workload = new SequentialWorkload(400e6), CanBeThrottled = true },
        });
        Assert.Equal(SimulationOutcome.RunsAtDestination, result.Outcome);
        Assert.Contains(result.Rounds, round => round.Throttle > 0);
    }

    [Fact]
    public void PolicyThatNeverSwitchesOver_isEndedByTheLimit()
    {
        SimulationResult result = Simulator.Run(new SimulationOptions
        {
            Policy = static () => new NeverSwitchesOver(),
            MaxVirtualTime = TimeSpan.FromSeconds(2),
        });
        Assert.Equal(SimulationOutcome.Unfinished, result.Outcome);
        Assert.Null(result.Violation);
        Assert.True(result.VirtualTime <= TimeSpan.FromSeconds(2));
    }

    [Fact]
    public void PolicyThatChoosesWhatIsNotOffered_isToldSo()
    {
        MigrationException e = Assert.Throws<MigrationException>(() => Simulator.Run(new SimulationOptions { Policy = static () => new WantsPostCopy() }));
        Assert.Equal(MigrationErrorKind.Internal, e.Kind);
    }

    [Fact]
    public void FaultOfOnesOwn_isAppliedAndCounted()
    {
        SimulationResult result = Simulator.Run(new SimulationOptions { Faults = new FaultSchedule(new SlowsEveryThirdMessage()) });
        Assert.Equal(SimulationOutcome.RunsAtDestination, result.Outcome);
        Assert.True(result.FaultsApplied > 2);
    }

    [Fact]
    public void ScheduleParts_canBeRunAgain()
    {
        var all = new FaultSchedule(
            new ConnectionCut(TimeSpan.FromSeconds(1)), new MessageLoss(SimulatedMessageKind.Commit, 0), new StoreOutage(TimeSpan.Zero, TimeSpan.FromSeconds(1)));
        FaultSchedule part = all.Keep(1);
        Assert.Equal([all[1]], part);
        Assert.Equal(all.Count - 1, all.Without(0).Count);
        SimulationOptions options = new() { Seed = 12, Faults = part };
        Assert.Equal(Simulator.Run(options).Fingerprint, Simulator.Run(options with { Faults = new FaultSchedule(all[1]) }).Fingerprint);
    }

    [Fact]
    public void OptionsOutOfRange_areRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Simulator.Run(new SimulationOptions { Guest = new SimulatedGuest { Pages = 0 } }));
        Assert.Throws<ArgumentOutOfRangeException>(() => Simulator.Run(new SimulationOptions { Attempts = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => Simulator.Run(new SimulationOptions { Link = new SimulatedLink { BandwidthBytesPerSecond = double.NaN } }));
        Assert.Throws<ArgumentOutOfRangeException>(() => Simulator.Run(new SimulationOptions { Timers = new SimulatedTimers { Claim = TimeSpan.FromSeconds(1) } }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new UniformWorkload(-1));
    }

    [Fact]
    public void RunThatKeepsItsPromises_cannotBeShrunk() =>
        Assert.Throws<ArgumentException>(() => SimulationShrinker.Shrink(new SimulationOptions()));

    private sealed record SlowsEveryThirdMessage : SimulationFault
    {
        public override void OnMessage(in SimulatedMessage message, ref MessageFate fate)
        {
            if (message.Number % 3 == 0)
            {
                fate.Delay += TimeSpan.FromMilliseconds(5);
            }
        }
    }

    private sealed class NeverSwitchesOver : IMigrationPolicy
    {
        public MigrationDecision Decide(PlanningState state) => new(DecisionKind.NextRound, "never");
    }

    private sealed class WantsPostCopy : IMigrationPolicy
    {
        public MigrationDecision Decide(PlanningState state) => new(DecisionKind.PostCopy, "wants it all the same");
    }
}
