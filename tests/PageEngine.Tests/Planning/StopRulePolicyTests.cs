using PageEngine.Planning;
using Xunit;

namespace PageEngine.Tests.Planning;

public sealed class StopRulePolicyTests
{
    [Theory]
    [InlineData(new long[] { 1000, 49 }, DecisionKind.SwitchOver, false)]
    [InlineData(new long[] { 1000, 50 }, DecisionKind.NextRound, false)]
    [InlineData(new long[] { 1000, 900, 800, 700, 600 }, DecisionKind.NextRound, false)]
    [InlineData(new long[] { 1000, 900, 800, 700, 600, 500 }, DecisionKind.SwitchOver, true)]
    [InlineData(new long[] { 1000, 900, 800, 700, 600, 49 }, DecisionKind.SwitchOver, false)]
    public void Round_limit_stops_below_50_pages_or_after_5_rounds(long[] lefts, DecisionKind kind, bool forced) =>
        AssertDecision(new RoundLimitPolicy(), lefts, kind, forced);

    [Theory]
    [InlineData(new long[] { 1000, 10 }, DecisionKind.NextRound, false)]             // the round itself handled many
    [InlineData(new long[] { 1000, 49, 10 }, DecisionKind.SwitchOver, false)]
    [InlineData(new long[] { 1000, 50, 10 }, DecisionKind.NextRound, false)]
    [InlineData(new long[] { 1000, 100, 101, 50 }, DecisionKind.SwitchOver, true)]   // more than the round before
    [InlineData(new long[] { 1000, 100, 100, 50 }, DecisionKind.NextRound, false)]
    [InlineData(new long[] { 1000, 1000, 1000, 1 }, DecisionKind.NextRound, false)]  // three times the memory, not more
    [InlineData(new long[] { 1000, 1000, 1000, 1000, 1 }, DecisionKind.SwitchOver, true)]
    public void Transfer_volume_stops_on_each_of_its_rules(long[] lefts, DecisionKind kind, bool forced) =>
        AssertDecision(new TransferVolumePolicy(), lefts, kind, forced);

    [Theory]
    [InlineData(28, DecisionKind.NextRound)]
    [InlineData(29, DecisionKind.SwitchOver)]
    public void Transfer_volume_stops_after_29_rounds(int rounds, DecisionKind kind) =>
        AssertDecision(
            new TransferVolumePolicy(),
            [10_000, .. Enumerable.Repeat(100L, rounds)],
            kind,
            forced: kind == DecisionKind.SwitchOver);

    [Fact]
    public void Transfer_volume_raises_the_rate_before_it_minds_a_growing_round()
    {
        PlanningState state = RoundBuilder.History(1000, [1000, 100, 101, 50]);

        Assert.Equal(DecisionKind.NextRound, new TransferVolumePolicy(rateIsAtMaximum: false).Decide(state).Kind);
    }

    [Fact]
    public void Transfer_volume_counts_skipped_pages_as_handled()
    {
        RoundStatistics first = RoundBuilder.Round(0, 1000, 1, 60);
        RoundStatistics skipping = RoundBuilder.Round(1, 60, 1, 55) with { SentPages = 20 };
        PlanningState state = SwitchoverEstimator.Assess([first, skipping], 55, 1000, new SwitchoverFixedCosts(), TimeSpan.Zero);

        Assert.Equal(DecisionKind.NextRound, new TransferVolumePolicy().Decide(state).Kind);
    }

    [Fact]
    public void Short_round_finishes_the_logged_migration_after_the_third()
    {
        var policy = new ShortRoundPolicy();
        RoundStatistics[] rounds =
        [
            RoundBuilder.Round(0, 524288, 34.205, 38769), RoundBuilder.Round(1, 38769, 2.903, 9616), RoundBuilder.Round(2, 9616, 0.874, 3872),
        ];

        Assert.Equal(DecisionKind.NextRound, policy.Decide(State(rounds[..1])).Kind);
        Assert.Equal(DecisionKind.NextRound, policy.Decide(State(rounds[..2])).Kind);
        Assert.Equal(DecisionKind.SwitchOver, policy.Decide(State(rounds)).Kind);
    }

    [Fact]
    public void Short_round_needs_less_than_the_limit_and_gives_up_without()
    {
        Assert.Equal(DecisionKind.NextRound, new ShortRoundPolicy().Decide(State([RoundBuilder.Round(0, 100, 1, 10)])).Kind);
        MigrationDecision last = new ShortRoundPolicy(maxRounds: 1).Decide(State([RoundBuilder.Round(0, 100, 1, 10)]));
        Assert.Equal((DecisionKind.GiveUp, MigrationErrorKind.NotConverging), (last.Kind, last.Error));
    }

    [Fact]
    public void Stop_rules_end_whatever_the_guest_does()
    {
        var never = new SimulatedMigration { GuestPages = 100_000, Bandwidth = _ => 1e8, Dirty = (_, _) => 100_000 };

        Assert.Equal(5, PreCopySimulation.Run(never, new RoundLimitPolicy()).Count);
        Assert.Equal(4, PreCopySimulation.Run(never, new TransferVolumePolicy()).Count);
        Assert.Equal(30, PreCopySimulation.Run(never, new ShortRoundPolicy()).Count);
    }

    [Fact]
    public void Limits_out_of_range_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new RoundLimitPolicy(maxRounds: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RoundLimitPolicy(fewPages: -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new TransferVolumePolicy(maxRounds: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new TransferVolumePolicy(maxMemoryMultiple: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ShortRoundPolicy(TimeSpan.Zero));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ShortRoundPolicy(maxRounds: 0));
    }

    private static PlanningState State(RoundStatistics[] rounds) => SwitchoverEstimator.Assess(
        rounds, rounds[^1].DirtiedPages, rounds[0].DirtyPages, new SwitchoverFixedCosts(), TimeSpan.Zero);

    private static void AssertDecision(IMigrationPolicy policy, long[] lefts, DecisionKind kind, bool forced)
    {
        MigrationDecision decision = policy.Decide(RoundBuilder.History(1000, lefts));

        Assert.Equal(kind, decision.Kind);
        Assert.Equal(forced, decision.Forced);
        Assert.Matches("[0-9]", decision.Reason);
    }
}
