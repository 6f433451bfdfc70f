using PageEngine.Planning;
using PageEngine.Simulation.Conformance;
using Xunit;

namespace PageEngine.Simulation.Tests.Conformance;

public sealed class PolicyConformanceTests
{
    private static readonly (string Part, string[] Checks)[] Table =
    [
        ("decides nothing in round 3", ["total"]),
        ("throws where nothing was measured", ["total"]),
        ("gives no reason", ["reasoned"]),
        ("throws dice", ["deterministic"]),
        ("counts its decisions", ["state-alone"]),
        ("throttles whoever it is", ["only-what-is-offered"]),
        ("goes to post-copy whoever it is", ["only-what-is-offered"]),
        ("throttles by more than all", ["only-what-is-offered"]),
        ("gives up without a kind", ["well-formed"]),
        ("forces a round", ["well-formed"]),
        ("clears the rounds", ["state-untouched"]),
        ("always gives up", ["shrinking-switches-over"]),
        ("waits for an empty round", ["constant-ends", "any-ends"]),
        ("waits for a round like the one before", ["any-ends"]),
    ];

    public static TheoryData<string, string> Broken => BrokenParts.Pairs(Table);

    public static TheoryData<string> Shipped => [.. ShippedPolicies.Keys];

    private static Dictionary<string, Func<IMigrationPolicy>> ShippedPolicies { get; } = new()
    {
        ["goal"] = () => new SwitchoverTimeGoalPolicy(),
        ["goal, forced"] = () => new SwitchoverTimeGoalPolicy(new SwitchoverTimeGoalOptions { IfStalled = StallResponse.Force, Goal = TimeSpan.FromMilliseconds(50) }),
        ["goal, no refining"] = () => new SwitchoverTimeGoalPolicy(new SwitchoverTimeGoalOptions { RefineRounds = 0, MaxRounds = 60 }),
        ["round limit"] = () => new RoundLimitPolicy(),
        ["transfer volume"] = () => new TransferVolumePolicy(),
        ["short round"] = () => new ShortRoundPolicy(),
    };

    [Theory]
    [MemberData(nameof(Shipped))]
    public async Task Shipped_policy_keeps_every_rule(string policy)
    {
        ConformanceReport report = await PolicyConformance.RunAsync(ShippedPolicies[policy]);
        report.ThrowIfFailed();
        Assert.All(report.Results, result => Assert.Equal(ConformanceStatus.Passed, result.Status));
    }

    [Theory]
    [MemberData(nameof(Broken))]
    public async Task Broken_policy_is_caught(string part, string check) =>
        BrokenParts.Catches(await PolicyConformance.RunCheckAsync(check, () => Make(part)));

    [Fact]
    public void Every_check_catches_a_broken_policy() => BrokenParts.EveryCheckCatchesOne(PolicyConformance.Checks, Table);

    [Fact]
    public async Task What_breaks_a_rule_is_made_small_and_repeats()
    {
        Func<IMigrationPolicy> create = () => Make("decides nothing in round 3");
        ConformanceResult first = await PolicyConformance.RunCheckAsync("total", create);
        ConformanceResult second = await PolicyConformance.RunCheckAsync("total", create);
        Assert.Equal(first.Observed, second.Observed);
        Assert.Contains("1 pages, 3 rounds", first.Observed, StringComparison.Ordinal);
    }

    private static RulePolicy Make(string part)
    {
        int calls = 0;
        MigrationDecision next = new(DecisionKind.NextRound, "on");
        MigrationDecision switchOver = new(DecisionKind.SwitchOver, "now");
        MigrationDecision giveUp = new(DecisionKind.GiveUp, "no", Error: MigrationErrorKind.NotConverging);
        return new RulePolicy(part switch
        {
            "decides nothing in round 3" => state => state.Rounds.Count == 3 ? new MigrationDecision(DecisionKind.None, "?") : switchOver,
            "throws where nothing was measured" => state => state.ThroughputBytesPerSecond!.Value > 0 ? switchOver : giveUp,
            "gives no reason" => _ => new MigrationDecision(DecisionKind.SwitchOver, " "),
            "throws dice" => _ => Random.Shared.Next(2) == 0 ? switchOver : next,
            "counts its decisions" => _ => Interlocked.Increment(ref calls) > 5 ? giveUp : switchOver,
            "throttles whoever it is" => state => state.Throttle < 0.5 ? new MigrationDecision(DecisionKind.Throttle, "slow", Throttle: 0.6) : giveUp,
            "goes to post-copy whoever it is" => _ => new MigrationDecision(DecisionKind.PostCopy, "later"),
            "throttles by more than all" => state => state.ThrottleAvailable && state.Throttle == 0 ? new MigrationDecision(DecisionKind.Throttle, "slow", Throttle: 1.5) : giveUp,
            "gives up without a kind" => _ => new MigrationDecision(DecisionKind.GiveUp, "no"),
            "forces a round" => state => state.Rounds.Count > 2 ? giveUp : next with { Forced = true },
            "clears the rounds" => ClearsTheRounds,
            "always gives up" => _ => giveUp,
            "waits for an empty round" => state => state.RemainingPages == 0 ? switchOver : next,
            "waits for a round like the one before" => state =>
                state.RemainingPages == 0 || state.RemainingPages == state.Rounds[^1].DirtyPages ? switchOver : next,
            _ => throw new ArgumentException(part),
        });

        MigrationDecision ClearsTheRounds(PlanningState state)
        {
            (state.Rounds as List<RoundStatistics>)?.Clear();
            return switchOver;
        }
    }

    private sealed class RulePolicy(Func<PlanningState, MigrationDecision> rule) : IMigrationPolicy
    {
        public MigrationDecision Decide(PlanningState state) => rule(state);
    }
}
