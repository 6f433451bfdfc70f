using PageEngine.Planning;
using static PageEngine.Simulation.Conformance.CheckVerdict;

namespace PageEngine.Simulation.Conformance;

// Owns: the rules that a policy must keep. Whether it decides well is not one of them.

internal static class PolicyChecks
{
    internal static CheckSuite<PolicyBench>.Entry[] All =>
    [
        new("total", "Every valid state gets a decision of a known kind, and no exception.", TotalAsync),
        new("reasoned", "Every decision says its reason.", ReasonedAsync),
        new("deterministic", "The same state gives the same decision: twice, as a copy, and from a policy made anew.", DeterministicAsync),
        new("state-alone", "A decision depends on the state alone, not on what was decided before or from other threads.", StateAloneAsync),
        new("only-what-is-offered", "Throttling and post-copy are chosen only where they are to be had, and a throttle is above 0 and at most 1.", OfferedAsync),
        new("well-formed", "Giving up names the kind of failure, only a switchover is forced, and only throttling has a throttle.", WellFormedAsync),
        new("state-untouched", "Deciding leaves the state as it was.", UntouchedAsync),
        new("shrinking-switches-over", "A guest that leaves at most half after each round is moved within the rounds that are allowed.", ShrinkingAsync),
        new("constant-ends", "A guest that writes everything again in each round comes to an end within the rounds that are allowed.", ConstantAsync),
        new("any-ends", "Every migration comes to an end within the rounds that are allowed.", AnyAsync),
    ];

    private static Task<string> TotalAsync(PolicyBench bench)
    {
        IMigrationPolicy policy = bench.Create();
        return bench.ForAllAsync(Any, drawn =>
        {
            MigrationDecision? decision = policy.Decide(drawn.State(drawn.Rounds));
            Require(decision is not null, "There was no decision.");
            Require(decision.Kind != DecisionKind.None && Enum.IsDefined(decision.Kind), $"The decision was of kind {decision.Kind}.");
        });
    }

    private static Task<string> ReasonedAsync(PolicyBench bench)
    {
        IMigrationPolicy policy = bench.Create();
        return bench.ForAllAsync(Any, drawn =>
        {
            MigrationDecision decision = policy.Decide(drawn.State(drawn.Rounds));
            Require(!string.IsNullOrWhiteSpace(decision.Reason), $"{decision.Kind} came without a reason.");
        });
    }

    private static Task<string> DeterministicAsync(PolicyBench bench)
    {
        IMigrationPolicy policy = bench.Create();
        return bench.ForAllAsync(Any, drawn =>
        {
            PlanningState state = drawn.State(drawn.Rounds);
            MigrationDecision first = policy.Decide(state);
            RequireEqual(first, policy.Decide(state), "The same state asked about again");
            RequireEqual(first, policy.Decide(drawn.State(drawn.Rounds)), "A copy of the state");
            RequireEqual(first, bench.Create().Decide(state), "The same state and a policy made anew");
        });
    }

    private static Task<string> StateAloneAsync(PolicyBench bench)
    {
        IMigrationPolicy policy = bench.Create();
        return bench.ForAllAsync(Any, drawn =>
        {
            PlanningState[] states = [.. Enumerable.Range(1, drawn.Rounds).Select(drawn.State)];
            MigrationDecision[] alone = [.. states.Select(state => bench.Create().Decide(state))];
            for (int i = states.Length - 1; i >= 0; i--)
            {
                RequireEqual(alone[i], policy.Decide(states[i]), $"The state after {i + 1} rounds, asked about after later ones");
            }

            Parallel.For(0, states.Length, i => RequireEqual(alone[i], policy.Decide(states[i]), $"The state after {i + 1} rounds, asked about from several threads"));
        });
    }

    private static Task<string> OfferedAsync(PolicyBench bench) => bench.ForAllAsync(Any, drawn => Play(bench, drawn, (state, decision) =>
    {
        Require(decision.Kind != DecisionKind.PostCopy || state.PostCopyAvailable, "Post-copy was chosen, which is not to be had.");
        Require(decision.Kind != DecisionKind.Throttle || state.ThrottleAvailable, "Throttling was chosen, which is not to be had.");
        Require(decision.Kind != DecisionKind.Throttle || decision.Throttle is > 0 and <= 1, $"A throttle of {decision.Throttle} was chosen; 0 (none) to 1 (all) is possible.");
    }));

    private static Task<string> WellFormedAsync(PolicyBench bench) => bench.ForAllAsync(Any, drawn => Play(bench, drawn, (_, decision) =>
    {
        Require(
            decision.Kind == DecisionKind.GiveUp == (decision.Error != MigrationErrorKind.None),
            decision.Kind == DecisionKind.GiveUp ? "Giving up came without the kind of failure to report." : $"{decision.Kind} came with the failure {decision.Error}.");
        Require(!decision.Forced || decision.Kind == DecisionKind.SwitchOver, $"{decision.Kind} was forced; only a switchover can be.");
        Require(decision.Throttle == 0 || decision.Kind == DecisionKind.Throttle, $"{decision.Kind} came with a throttle of {decision.Throttle}.");
    }));

    private static Task<string> UntouchedAsync(PolicyBench bench)
    {
        IMigrationPolicy policy = bench.Create();
        return bench.ForAllAsync(Any, drawn =>
        {
            PlanningState before = drawn.State(drawn.Rounds);
            var rounds = new List<RoundStatistics>(before.Rounds);
            PlanningState state = before with { Rounds = rounds };
            policy.Decide(state);
            Require(rounds.SequenceEqual(before.Rounds), "The rounds of the state were changed.");
            RequireEqual(before, state with { Rounds = before.Rounds }, "The state after deciding");
        });
    }

    private static Task<string> ShrinkingAsync(PolicyBench bench) => bench.ForAllAsync(
        drawn => drawn with
        {
            LeftPerMille = [.. drawn.LeftPerMille.Select(left => left % 500)],
            BytesPerSecond = Math.Max(drawn.BytesPerSecond, 100_000_000),
            GuestPages = Math.Min(drawn.GuestPages, 1 << 20),
            FixedMicroseconds = Math.Min(drawn.FixedMicroseconds, 1000),
        },
        drawn =>
        {
            DecisionKind last = Play(bench, drawn, static (_, _) => { });
            Require(last is DecisionKind.SwitchOver or DecisionKind.PostCopy, $"A guest that converges ended in {last}.");
        });

    private static Task<string> ConstantAsync(PolicyBench bench) => bench.ForAllAsync(
        drawn => drawn with { LeftPerMille = [1000], ThrottleHelps = false }, drawn => Play(bench, drawn, static (_, _) => { }));

    private static Task<string> AnyAsync(PolicyBench bench) => bench.ForAllAsync(Any, drawn => Play(bench, drawn, static (_, _) => { }));

    private static PlanningCase Any(PlanningCase drawn) => drawn;

    /// <summary>Plays a migration to its end.</summary>
    /// <returns>How it ended.</returns>
    private static DecisionKind Play(PolicyBench bench, PlanningCase drawn, Action<PlanningState, MigrationDecision> watch)
    {
        IMigrationPolicy policy = bench.Create();
        var run = new PlanningRun(drawn);
        while (true)
        {
            run.Round();
            PlanningState state = run.State;
            MigrationDecision decision = policy.Decide(state);
            watch(state, decision);
            switch (decision.Kind)
            {
                case DecisionKind.SwitchOver or DecisionKind.PostCopy or DecisionKind.GiveUp:
                    return decision.Kind;
                case DecisionKind.Throttle:
                    run.Throttle(decision.Throttle);
                    break;
                case DecisionKind.NextRound:
                    break;
                default:
                    Fail($"The decision was of kind {decision.Kind}.");
                    break;
            }

            Require(run.Rounds < bench.Options.MaxRounds, $"After {run.Rounds} rounds the decision is still {decision.Kind}: {decision.Reason}");
        }
    }
}
