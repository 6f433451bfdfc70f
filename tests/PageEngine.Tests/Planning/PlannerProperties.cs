using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using PageEngine.Planning;
using Xunit;

namespace PageEngine.Tests.Planning;

/// <summary>Any guest, link and setting, drawn from a seed so that a failure can be run again.</summary>
public sealed record AnyCase(int Seed)
{
    internal SimulatedMigration Migration { get; } = DrawMigration(new Random(Seed));

    internal SwitchoverTimeGoalOptions Options { get; } = DrawOptions(new Random(~Seed));

    private static SimulatedMigration DrawMigration(Random random)
    {
        long pages = 1 + (long)Math.Pow(2, random.NextDouble() * 24);
        double bandwidth = Math.Pow(10, 5 + (random.NextDouble() * 5));
        int behaviour = random.Next(4);
        double rate = bandwidth / 4112 * Math.Pow(10, (random.NextDouble() * 3) - 2);
        double workingSet = pages * random.NextDouble();
        int noise = random.Next();
        return new SimulatedMigration
        {
            GuestPages = pages,
            Bandwidth = round => bandwidth * (0.3 + (0.7 * Noise(noise, round))),
            Dirty = behaviour switch
            {
                0 => (_, seconds) => rate * seconds,
                1 => (_, seconds) => workingSet * (1 - Math.Exp(-rate * seconds / Math.Max(1, workingSet))),
                2 => (round, seconds) => 2 * rate * seconds * Noise(~noise, round),
                _ => (round, _) => pages * Noise(~noise, round),
            },
            ZeroShare = random.Next(3) switch { 0 => 0, 1 => 1, _ => random.NextDouble() },
            RoundOverheadSeconds = random.Next(2) * random.NextDouble() * 0.01,
            Harvest = TimeSpan.FromMilliseconds(random.Next(2) * random.NextDouble() * 20),
            Fixed = new SwitchoverFixedCosts { Pause = TimeSpan.FromMilliseconds(random.NextDouble() * 40), Resume = TimeSpan.FromMilliseconds(random.NextDouble() * 10) },
            ThrottleAvailable = random.Next(3) == 0,
            PostCopyAvailable = random.Next(4) == 0,
        };
    }

    private static SwitchoverTimeGoalOptions DrawOptions(Random random) => new()
    {
        Goal = TimeSpan.FromMilliseconds(Math.Pow(10, random.NextDouble() * 4)),
        MaxRounds = 1 + random.Next(40),
        AbortAfter = TimeSpan.FromSeconds(Math.Pow(10, (random.NextDouble() * 4) - 1)),
        IfStalled = random.Next(2) == 0 ? StallResponse.GiveUp : StallResponse.Force,
        MinProgressPercent = 100 + random.Next(200),
        StallRounds = 1 + random.Next(5),
        RefineRounds = random.Next(6),
    };

    private static double Noise(int seed, int round) => new Random(HashOf(seed, round)).NextDouble();

    private static int HashOf(int seed, int round) => unchecked((seed * 31) + (round * 7919));
}

public static class AnyCaseArbitrary
{
    public static Arbitrary<AnyCase> Case() => Gen.Choose(int.MinValue, int.MaxValue).Select(seed => new AnyCase(seed)).ToArbitrary();
}

[Properties(Arbitrary = new[] { typeof(AnyCaseArbitrary) }, MaxTest = 500)]
public sealed class PlannerProperties
{
    [Property]
    public void Planner_ends_within_the_round_limit(AnyCase any)
    {
        List<SimulatedStep> steps = Run(any);

        Assert.InRange(steps.Count, 1, any.Options.MaxRounds);
        Assert.Contains(steps[^1].Decision.Kind, new[] { DecisionKind.SwitchOver, DecisionKind.PostCopy, DecisionKind.GiveUp });
    }

    [Property]
    public void Switchover_beyond_the_goal_is_forced_asked_for_and_under_the_abort_limit(AnyCase any)
    {
        SimulatedStep end = Run(any)[^1];
        if (end.Decision.Kind != DecisionKind.SwitchOver)
        {
            Assert.False(end.Decision.Forced);
            return;
        }

        Assert.Equal(end.State.Prediction.Total > any.Options.Goal, end.Decision.Forced);
        if (end.Decision.Forced)
        {
            Assert.Equal(StallResponse.Force, any.Options.IfStalled);
            Assert.True(end.State.Prediction.Pages < any.Options.AbortAfter);
        }
    }

    [Property]
    public void Giving_up_leaves_no_throttle_and_says_why(AnyCase any)
    {
        foreach (SimulatedStep step in Run(any))
        {
            bool givesUp = step.Decision.Kind == DecisionKind.GiveUp;
            Assert.Equal(givesUp, step.Decision.Error is MigrationErrorKind.NotConverging or MigrationErrorKind.AbortTimeReached);
            Assert.Equal(givesUp, step.Decision.Error != MigrationErrorKind.None);
            Assert.Equal(step.Decision.Kind == DecisionKind.Throttle, step.Decision.Throttle > 0);
            Assert.Matches("[0-9]", step.Decision.Reason);
            if (givesUp)
            {
                Assert.True(step.State.Prediction.Total > any.Options.Goal);
                Assert.True(
                    step.Decision.Error == MigrationErrorKind.NotConverging
                    || (any.Options.IfStalled == StallResponse.Force && step.State.Prediction.Pages >= any.Options.AbortAfter));
            }
        }
    }

    [Property]
    public void Throttle_and_post_copy_are_used_only_where_available_and_a_throttle_only_rises(AnyCase any)
    {
        double throttle = 0;
        foreach (SimulatedStep step in Run(any))
        {
            Assert.True(step.Decision.Kind != DecisionKind.PostCopy || any.Migration.PostCopyAvailable);
            if (step.Decision.Kind == DecisionKind.Throttle)
            {
                Assert.True(any.Migration.ThrottleAvailable);
                Assert.InRange(step.Decision.Throttle, throttle + 1e-12, any.Options.MaxThrottle);
                throttle = step.Decision.Throttle;
            }
        }
    }

    [Property]
    public void Nothing_is_given_up_while_throttle_or_post_copy_could_still_help(AnyCase any)
    {
        SimulatedStep end = Run(any)[^1];
        if (end.Decision.Kind == DecisionKind.GiveUp && end.State.Prediction.Fixed < any.Options.Goal)
        {
            Assert.False(any.Migration.PostCopyAvailable);
        }
    }

    [Property]
    public void Prediction_is_never_less_than_the_physics_allow(AnyCase any)
    {
        SimulatedMigration migration = any.Migration;
        foreach (SimulatedStep step in Run(any))
        {
            double fastest = Enumerable.Range(0, step.State.Rounds.Count).Max(round => migration.Bandwidth(round));
            double physical = (step.State.RemainingPages * migration.WireBytesPerPage / fastest)
                + (migration.Fixed.Total > migration.Harvest ? migration.Fixed.Total : migration.Harvest).TotalSeconds;

            Assert.True(step.State.Prediction.Total.TotalSeconds >= physical * (1 - 1e-9));
        }
    }

    [Property]
    public void Same_state_gives_the_same_decision(AnyCase any)
    {
        foreach (SimulatedStep step in Run(any))
        {
            PlanningState copy = step.State with { Rounds = [.. step.State.Rounds.Select(round => round with { })] };

            Assert.Equal(step.Decision, new SwitchoverTimeGoalPolicy(any.Options).Decide(copy));
        }
    }

    /// <summary>Rates that change in every round as they like, as long as the guest stays below the link; a goal a quarter
    /// above what rounds that carry nothing but their own overhead come down to, and the last pass's own overhead. Only the round limit may stop it.</summary>
    [Property]
    public void Guest_slower_than_the_link_converges_unless_the_round_limit_is_reached(
        int seed, byte ratioPercent, byte overheadTenthMs, byte goalAboveMs, byte fixedMs)
    {
        double mostRatio = ratioPercent % 96 / 100.0;
        double overhead = overheadTenthMs / 10_000.0;
        var random = new Random(seed);
        double[] ratios = [.. Enumerable.Range(0, 30).Select(_ => mostRatio * random.NextDouble())];
        double slowest = Math.Pow(10, 6 + (3 * random.NextDouble()));
        double[] bandwidths = [.. Enumerable.Range(0, 30).Select(_ => slowest * (1 + random.NextDouble()))];
        var migration = new SimulatedMigration
        {
            GuestPages = 1 + random.Next(10_000_000),
            Bandwidth = round => bandwidths[round],
            Dirty = (round, seconds) => ratios[round] * slowest / 4112 * seconds,
            RoundOverheadSeconds = overhead,
            Fixed = new SwitchoverFixedCosts { Restore = TimeSpan.FromMilliseconds(fixedMs), Barrier = TimeSpan.FromSeconds(overhead) },
        };
        double emptyRoundsSeconds = mostRatio * overhead / (1 - mostRatio);
        var options = new SwitchoverTimeGoalOptions
        {
            Goal = TimeSpan.FromSeconds(overhead + (1.25 * emptyRoundsSeconds) + (0.001 * (1 + fixedMs + goalAboveMs))),
        };

        SimulatedStep end = PreCopySimulation.Run(migration, new SwitchoverTimeGoalPolicy(options))[^1];

        Assert.True(
            end.Decision is { Kind: DecisionKind.SwitchOver, Forced: false } || end.State.Rounds.Count == options.MaxRounds,
            $"{end.State.Rounds.Count} rounds: {end.Decision.Reason}");
    }

    /// <summary>With rates that stay as they are it is known beforehand whether the limit suffices; then it must converge.</summary>
    [Property]
    public void Guest_slower_than_the_link_converges_in_the_rounds_that_the_forecast_says(
        byte ratioPercent, PositiveInt pages, PositiveInt goalMs, byte fixedMs)
    {
        const double Bandwidth = 1e8;
        double ratio = ratioPercent % 100 / 100.0;
        TimeSpan fixedPart = TimeSpan.FromMilliseconds(fixedMs);
        var migration = new SimulatedMigration
        {
            GuestPages = pages.Get * 1000L,
            Bandwidth = _ => Bandwidth,
            Dirty = (_, seconds) => ratio * Bandwidth / 4096 * seconds,
            HeaderBytes = 0,
            Fixed = new SwitchoverFixedCosts { Restore = fixedPart },
        };
        var options = new SwitchoverTimeGoalOptions { Goal = fixedPart + TimeSpan.FromMilliseconds(goalMs.Get), RefineRounds = 0 };
        PreCopyForecast forecast = PreCopyModel.Predict(new PreCopyModelInput
        {
            MemoryBytes = migration.GuestPages * 4096,
            BandwidthBytesPerSecond = Bandwidth,
            DirtyBytesPerSecond = ratio * Bandwidth,
            Goal = options.Goal,
            Fixed = fixedPart,
        });

        SimulatedStep end = PreCopySimulation.Run(migration, new SwitchoverTimeGoalPolicy(options))[^1];

        if (forecast.Outcome == PreCopyForecastOutcome.GoalMet)
        {
            Assert.Equal((DecisionKind.SwitchOver, false), (end.Decision.Kind, end.Decision.Forced));

            // Pages are whole, rounded down; the forecast's bytes are not. So it may take fewer rounds, never more.
            Assert.InRange(end.State.Rounds.Count, 1, forecast.Rounds.Count);
        }
        else
        {
            Assert.NotEqual(PreCopyForecastOutcome.Stalled, forecast.Outcome);
        }
    }

    [Property]
    public void Refining_never_loses_a_goal_that_a_slower_guest_had_met(AnyCase any, byte ratioPercent)
    {
        double ratio = ratioPercent % 96 / 100.0;
        SimulatedMigration migration = any.Migration with
        {
            Bandwidth = _ => 1e8,
            Dirty = (_, seconds) => ratio * 1e8 / 4112 * seconds,
            RoundOverheadSeconds = 0,
            Harvest = TimeSpan.Zero,
            ThrottleAvailable = false,
            PostCopyAvailable = false,
        };
        SimulatedStep plain = PreCopySimulation.Run(migration, new SwitchoverTimeGoalPolicy(any.Options with { RefineRounds = 0 }))[^1];
        SimulatedStep refined = PreCopySimulation.Run(migration, new SwitchoverTimeGoalPolicy(any.Options))[^1];

        Assert.Equal((plain.Decision.Kind, plain.Decision.Forced), (refined.Decision.Kind, refined.Decision.Forced));
        Assert.InRange(refined.State.Rounds.Count - plain.State.Rounds.Count, 0, any.Options.RefineRounds);
        Assert.True(refined.State.RemainingPages <= plain.State.RemainingPages);
    }

    private static List<SimulatedStep> Run(AnyCase any) =>
        PreCopySimulation.Run(any.Migration, new SwitchoverTimeGoalPolicy(any.Options));
}
