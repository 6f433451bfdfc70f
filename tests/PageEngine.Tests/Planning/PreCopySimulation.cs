using PageEngine.Memory;
using PageEngine.Planning;

namespace PageEngine.Tests.Planning;

// Owns: a pure guest and link to drive a policy with. It knows the truth (the real rates), the policy only what was
// measured; so what the policy concluded can be held against what was so.

/// <summary>A guest and a link as functions. Rates may differ from round to round.</summary>
internal sealed record SimulatedMigration
{
    public required long GuestPages { get; init; }

    /// <summary>Gets the wire bytes per second in a round.</summary>
    public required Func<int, double> Bandwidth { get; init; }

    /// <summary>Gets how many pages are dirtied in a round that lasts so many seconds, by an unthrottled guest.</summary>
    public required Func<int, double, double> Dirty { get; init; }

    /// <summary>Gets the share of pages that are zero in round 0; later rounds hold what was written.</summary>
    public double ZeroShare { get; init; }

    public int HeaderBytes { get; init; } = 16;

    public double RoundOverheadSeconds { get; init; }

    public TimeSpan Harvest { get; init; }

    public SwitchoverFixedCosts Fixed { get; init; } = new();

    public bool ThrottleAvailable { get; init; }

    public bool PostCopyAvailable { get; init; }

    public double WireBytesPerPage => MemoryLayout.PageBytes + HeaderBytes;
}

/// <summary>What was decided after a round, on what grounds.</summary>
internal sealed record SimulatedStep(PlanningState State, MigrationDecision Decision);

internal static class PreCopySimulation
{
    private const int ZeroMarkBytes = 8;

    /// <summary>Runs rounds until the policy ends them.</summary>
    /// <returns>One step a round; the last one is the end, unless <paramref name="roundsBeforeAlarm"/> was passed.</returns>
    public static List<SimulatedStep> Run(SimulatedMigration migration, IMigrationPolicy policy, int roundsBeforeAlarm = 200)
    {
        var steps = new List<SimulatedStep>();
        var rounds = new List<RoundStatistics>();
        long toSend = migration.GuestPages;
        double throttle = 0;
        TimeSpan elapsed = TimeSpan.Zero;
        while (true)
        {
            RoundStatistics round = Round(migration, rounds.Count, toSend, throttle);
            rounds.Add(round);
            elapsed += round.Duration + round.HarvestDuration;
            PlanningState state = SwitchoverEstimator.Assess(
                [.. rounds], round.DirtiedPages, migration.GuestPages, migration.Fixed, elapsed,
                migration.ThrottleAvailable, throttle, migration.PostCopyAvailable);
            MigrationDecision decision = policy.Decide(state);
            steps.Add(new SimulatedStep(state, decision));
            if (decision.Kind is not (DecisionKind.NextRound or DecisionKind.Throttle) || steps.Count > roundsBeforeAlarm)
            {
                return steps;
            }

            throttle = decision.Kind == DecisionKind.Throttle ? decision.Throttle : throttle;
            toSend = round.DirtiedPages;
        }
    }

    public static RoundStatistics Round(SimulatedMigration migration, int index, long toSend, double throttle)
    {
        long zero = index == 0 ? (long)(toSend * migration.ZeroShare) : 0;
        long wireBytes = ((toSend - zero) * (MemoryLayout.PageBytes + migration.HeaderBytes)) + (zero * ZeroMarkBytes);
        double seconds = (wireBytes / migration.Bandwidth(index)) + migration.RoundOverheadSeconds;
        double dirtied = migration.Dirty(index, seconds + migration.Harvest.TotalSeconds) * (1 - throttle);
        return new RoundStatistics
        {
            Index = index,
            DirtyPages = toSend,
            SentPages = toSend - zero,
            ZeroPages = zero,
            WireBytes = wireBytes,
            Duration = TimeSpan.FromTicks((long)Math.Ceiling(seconds * TimeSpan.TicksPerSecond)),
            HarvestDuration = migration.Harvest,
            DirtiedPages = (long)Math.Clamp(dirtied, 0, migration.GuestPages),
            Throttle = throttle,
        };
    }
}
