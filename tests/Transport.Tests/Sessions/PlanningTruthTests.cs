using PageEngine.EmbeddedGuest;
using PageEngine.Planning;
using PageEngine.Reporting;
using Xunit;

namespace PageEngine.Transport.Tests.Sessions;

public class PlanningTruthTests
{
    [Fact]
    public async Task The_policy_sees_what_happened_and_is_obeyed()
    {
        const int Rounds = 6;
        var seen = new List<PlanningState>();
        var policy = new ScriptedPolicy(state =>
        {
            // The list of rounds grows: what it was now is kept.
            seen.Add(state with { Rounds = [.. state.Rounds] });
            return new MigrationDecision(state.Rounds.Count < Rounds ? DecisionKind.NextRound : DecisionKind.SwitchOver, "as the test wants");
        });
        await using var edge = new PipeEdge();
        using GuestAtHost host = await GuestAtHost.StartAsync("uniform@40MiB/s");
        long pages = host.Guest.Memory.PageCount;
        Task<DestinationResult> receiving = new MigrationDestination(MigrationTests.Build).ReceiveAsync(edge);
        MigrationReport report = await host.MigrateAsync(edge, new MigrationSourceOptions { Policy = policy });
        using var moved = (VerifiableGuest)(await receiving).Guest!;

        Assert.Null(report.Failure);
        Assert.Equal(Rounds, report.Rounds.Count);
        Assert.Equal(Rounds, seen.Count);
        Assert.Equal(report.Rounds, seen[^1].Rounds);
        Assert.Equal(seen[^1].ThroughputBytesPerSecond, report.ThroughputBytesPerSecond);
        Assert.Equal(seen[^1].Prediction, report.Switchover!.Predicted);
        for (int i = 0; i < Rounds; i++)
        {
            PlanningState state = seen[i];
            Assert.Equal(pages, state.GuestPages);
            Assert.Equal(i + 1, state.Rounds.Count);
            Assert.Equal(i, state.Rounds[^1].Index);
            Assert.Equal(state.Rounds[^1].DirtiedPages, state.RemainingPages);
            Assert.Equal(i + 1 < Rounds ? report.Rounds[i + 1].DirtyPages : state.RemainingPages, state.RemainingPages);
            Assert.False(state.PostCopyAvailable);
            Assert.Equal(0, state.Throttle);
            Assert.True(state.Elapsed >= state.Rounds.Aggregate(TimeSpan.Zero, (sum, r) => sum + r.Duration));
            Assert.Equal(SwitchoverEstimator.MeasureThroughput(state.Rounds), state.ThroughputBytesPerSecond);
            Assert.True(state.ThroughputBytesPerSecond > 0);
        }

        // The guest wrote all the time: the last pass had something to do, and it is not less than nothing.
        Assert.InRange(report.Switchover.RemainingPages, seen[^1].RemainingPages, pages);
        await GuestAtHost.AssertRunsAndIsConsistentAsync(moved);
    }

    [Fact]
    public async Task A_guest_is_left_alone_between_rounds_that_take_next_to_no_time()
    {
        const int Patience = 100_000;
        await using var edge = new PipeEdge();
        using GuestAtHost host = await GuestAtHost.StartAsync("hot:2MiB@max");
        var operations = new List<long>();
        var policy = new ScriptedPolicy(state =>
        {
            // A guest that has nothing of a busy machine yet is waited for: nothing is dirtied then, and rounds rest for nothing.
            operations.Add(host.Guest.Operations);
            bool isSeen = RestsBefore(state.Rounds) >= 20 && operations[^1] > operations[10];
            return new MigrationDecision(isSeen || state.Rounds.Count >= Patience ? DecisionKind.SwitchOver : DecisionKind.NextRound, "as the test wants");
        });
        Task<DestinationResult> receiving = new MigrationDestination(MigrationTests.Build).ReceiveAsync(edge);
        MigrationReport report = await host.MigrateAsync(edge, new MigrationSourceOptions { Policy = policy });
        using var moved = (VerifiableGuest)(await receiving).Guest!;

        Assert.Null(report.Failure);
        Assert.InRange(report.Rounds.Count, 1, Patience - 1);
        var pacing = new CollectPacing();
        foreach (RoundStatistics round in report.Rounds)
        {
            Assert.True(round.CollectInterval >= pacing.LeastInterval, $"round {round.Index}: {round.CollectInterval} of {pacing.LeastInterval}");
            pacing.Collected(round.CollectInterval, round.DirtiedPages);
        }
    }

    // How many rounds had to rest by what the ones before them had found.
    private static int RestsBefore(IReadOnlyList<RoundStatistics> rounds)
    {
        var pacing = new CollectPacing();
        int rests = 0;
        foreach (RoundStatistics round in rounds)
        {
            rests += pacing.LeastInterval > TimeSpan.Zero ? 1 : 0;
            pacing.Collected(round.CollectInterval, round.DirtiedPages);
        }

        return rests;
    }

    [Fact]
    public async Task A_guest_that_refuses_to_be_throttled_is_shown_as_such()
    {
        var throttles = new List<double>();
        int decisions = 0;
        var policy = new ScriptedPolicy(state =>
        {
            throttles.Add(state.Throttle);
            return decisions++ == 0
                ? new MigrationDecision(DecisionKind.Throttle, "slow down", Throttle: 0.5)
                : new MigrationDecision(DecisionKind.GiveUp, "enough seen");
        });
        await using var edge = new PipeEdge();
        using GuestAtHost host = await GuestAtHost.StartAsync();
        Task<DestinationResult> receiving = new MigrationDestination(MigrationTests.Build).ReceiveAsync(edge);
        MigrationReport report = await host.MigrateAsync(edge, new MigrationSourceOptions { Policy = policy });
        await receiving;

        // This guest was not made to be throttled: the next state says so, and the round ran at full speed.
        Assert.Equal(MigrationErrorKind.NotConverging, report.Failure!.Kind);
        Assert.Equal([0.0, 0.0], throttles);
        Assert.Equal(2, report.Rounds.Count);
        await host.AssertRunsAndIsConsistentAsync();
    }
}
