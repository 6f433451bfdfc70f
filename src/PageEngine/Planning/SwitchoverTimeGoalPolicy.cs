namespace PageEngine.Planning;

// Owns: the default decision after a round. Pure: every answer follows from the state alone. It ends after at most
// MaxRounds rounds whatever the guest does, because from then on no branch asks for another one.

/// <summary>
/// Switches over as soon as the predicted blackout is within the goal. A guest that makes no progress is throttled, where
/// that cannot be had moved by post-copy, and where that cannot be had either given up or forced over, as
/// <see cref="SwitchoverTimeGoalOptions.IfStalled"/> says.
/// </summary>
/// <remarks>
/// A stall is believed when no progress was made in the newest round (transmit-to-dirty under
/// <see cref="SwitchoverTimeGoalOptions.MinProgressPercent"/>), the fewest remaining pages have stopped falling over
/// <see cref="SwitchoverTimeGoalOptions.StallRounds"/> rounds, and their trend does not reach the goal within the rounds
/// that are allowed; or when the fewest have stopped falling over twice as many rounds, whatever the newest one did. So a
/// guest whose dirty rate is below the bandwidth converges however slowly, unless a limit is reached first.
/// </remarks>
public sealed class SwitchoverTimeGoalPolicy : IMigrationPolicy
{
    // How close to the fewest pages of late a forced switchover must be: exactly the fewest may never come back.
    private const double LocalMinimumFactor = 1.1;

    private readonly SwitchoverTimeGoalOptions _options;

    /// <summary>Makes the policy.</summary>
    /// <param name="options">The settings; null for the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is outside its range.</exception>
    public SwitchoverTimeGoalPolicy(SwitchoverTimeGoalOptions? options = null)
    {
        _options = options ?? new SwitchoverTimeGoalOptions();
        _options.Validate();
    }

    /// <summary>Gets the settings.</summary>
    public SwitchoverTimeGoalOptions Options => _options;

    /// <inheritdoc/>
    public MigrationDecision Decide(PlanningState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentOutOfRangeException.ThrowIfZero(state.Rounds.Count, nameof(state));
        bool roundsLeft = state.Rounds.Count < _options.MaxRounds;
        if (state.Prediction.Total <= _options.Goal)
        {
            return roundsLeft ? Refine(state) : SwitchOver(state);
        }

        // The fixed part alone is beyond the goal: fewer pages cannot help, so the guest is not slowed down for it.
        bool goalReachable = state.Prediction.Fixed < _options.Goal;
        bool progress = state.T2dPercent >= _options.MinProgressPercent;
        if (roundsLeft && goalReachable && !progress && state.ThrottleAvailable && state.Throttle < _options.MaxThrottle)
        {
            return Throttle(state);
        }

        if (roundsLeft && !IsStalled(state, goalReachable, progress))
        {
            return new MigrationDecision(
                DecisionKind.NextRound, $"{Left(state)} would take {Blackout(state)}; the goal is {PlanningTime.Text(_options.Goal)}.");
        }

        if (goalReachable && state.PostCopyAvailable)
        {
            return new MigrationDecision(
                DecisionKind.PostCopy, $"{Obstacle(state, goalReachable)} The rest is fetched by the destination on demand.");
        }

        return _options.IfStalled == StallResponse.Force
            ? Force(state, goalReachable, roundsLeft)
            : new MigrationDecision(
                DecisionKind.GiveUp,
                $"{Obstacle(state, goalReachable)} Give it {Remedy(goalReachable)}, or allow the switchover to be forced.",
                Error: MigrationErrorKind.NotConverging);
    }

    // The goal is met. Another round costs less than the goal; it is made while it is expected to shorten the blackout
    // by a good part, judged by the rate at which the guest dirtied in the newest round, and a guest that speeds up to
    // twice that rate meanwhile would still meet the goal: what is in hand is not risked for what would be better.
    private MigrationDecision Refine(PlanningState state)
    {
        RoundStatistics newest = state.Rounds[^1];
        double roundSeconds = (newest.Duration + newest.HarvestDuration).TotalSeconds;
        if (state.RemainingPages == 0 || state.Prediction.Pages == TimeSpan.Zero || roundSeconds <= 0
            || state.T2dPercent < _options.MinProgressPercent || RefinedRounds(state) >= _options.RefineRounds)
        {
            return SwitchOver(state);
        }

        double nextSeconds = (state.Prediction.Pages + newest.HarvestDuration).TotalSeconds;
        double expectedLeft = state.RemainingPages / roundSeconds * nextSeconds;
        TimeSpan expectedPages = PlanningTime.FromSeconds(
            state.Prediction.Pages.TotalSeconds / state.RemainingPages * expectedLeft);
        TimeSpan gain = state.Prediction.Pages - expectedPages;
        return gain < state.Prediction.Total * (_options.RefineGainPercent / 100)
            || (2 * expectedPages) + state.Prediction.Fixed > _options.Goal
            ? SwitchOver(state)
            : new MigrationDecision(
                DecisionKind.NextRound,
                $"{Left(state)} would take {Blackout(state)}, within the goal of {PlanningTime.Text(_options.Goal)}; another round is expected to save {PlanningTime.Text(gain)} of it.");
    }

    // Rounds that began with the goal met, as far as the rounds tell: they had few enough pages to offer.
    private int RefinedRounds(PlanningState state)
    {
        double goalPages = GoalPages(state);
        int refined = 0;
        for (int i = 1; i < state.Rounds.Count; i++)
        {
            refined += state.Rounds[i].DirtyPages <= goalPages ? 1 : 0;
        }

        return refined;
    }

    private MigrationDecision SwitchOver(PlanningState state) => new(
        DecisionKind.SwitchOver,
        $"{Left(state)} take {Blackout(state)}, within the goal of {PlanningTime.Text(_options.Goal)}.");

    private MigrationDecision Throttle(PlanningState state)
    {
        // t2d is transmit rate / dirty rate. At the same transmit rate the dirty rate is proportional to the time the
        // guest keeps, so keeping t2d/target of what it keeps now makes t2d the target.
        double kept = (1 - state.Throttle) * Math.Min(1, state.T2dPercent / _options.ThrottleTargetPercent);
        double throttle = Math.Min(_options.MaxThrottle, Math.Max(1 - kept, state.Throttle + _options.ThrottleStep));
        return new MigrationDecision(
            DecisionKind.Throttle,
            $"{Obstacle(state, goalReachable: true)} The guest is slowed by {PlanningTime.Percent(100 * throttle)} (was {PlanningTime.Percent(100 * state.Throttle)}).",
            Throttle: throttle);
    }

    private MigrationDecision Force(PlanningState state, bool goalReachable, bool roundsLeft)
    {
        long fewest = new RemainingPagesTrend(state).Fewest(2 * _options.StallRounds);
        if (roundsLeft && state.RemainingPages > fewest * LocalMinimumFactor)
        {
            return new MigrationDecision(
                DecisionKind.NextRound,
                $"{Obstacle(state, goalReachable)} The switchover will be forced, but only {fewest} pages were left a moment ago: waiting for fewer.");
        }

        return state.Prediction.Pages >= _options.AbortAfter
            ? new MigrationDecision(
                DecisionKind.GiveUp,
                $"{Obstacle(state, goalReachable)} It is not forced: copying them would take {PlanningTime.Text(state.Prediction.Pages)}, and the limit is {PlanningTime.Text(_options.AbortAfter)}. Give it {Remedy(goalReachable)}, or a higher limit.",
                Error: MigrationErrorKind.AbortTimeReached)
            : new MigrationDecision(
                DecisionKind.SwitchOver,
                $"{Obstacle(state, goalReachable)} Forced: the blackout will take {Blackout(state)}; copying is under the limit of {PlanningTime.Text(_options.AbortAfter)}.",
                Forced: true);
    }

    private bool IsStalled(PlanningState state, bool goalReachable, bool progress)
    {
        var trend = new RemainingPagesTrend(state);
        if (trend.HasStoppedFalling(2 * _options.StallRounds, _options.StallTolerancePercent))
        {
            return true;
        }

        return !progress
            && trend.HasStoppedFalling(_options.StallRounds, _options.StallTolerancePercent)
            && !(goalReachable
                && state.Rounds.Count + trend.RoundsUntil(GoalPages(state), _options.StallRounds) <= _options.MaxRounds);
    }

    // How many pages the goal leaves time for beside the fixed part; none when no throughput is known.
    private double GoalPages(PlanningState state) =>
        state.Prediction.Pages == TimeSpan.Zero || state.Prediction.Pages == TimeSpan.MaxValue
            ? state.RemainingPages == 0 ? double.PositiveInfinity : 0
            : (_options.Goal - state.Prediction.Fixed) / state.Prediction.Pages * state.RemainingPages;

    private static string Left(PlanningState state) => $"{PlanningTime.Pages(state.RemainingPages)} left after {PlanningTime.Rounds(state.Rounds.Count)}";

    private static string Blackout(PlanningState state) => state.Prediction.Total == TimeSpan.MaxValue
        ? PlanningTime.Text(TimeSpan.MaxValue)
        : $"{PlanningTime.Text(state.Prediction.Total)} ({PlanningTime.Text(state.Prediction.Pages)} at {PlanningTime.Rate(state.ThroughputBytesPerSecond)}, {PlanningTime.Text(state.Prediction.Fixed)} fixed)";

    private string Obstacle(PlanningState state, bool goalReachable) => goalReachable
        ? $"The guest dirties {PlanningTime.Rate(state.Rounds[^1].DirtyBytesPerSecond)} and the destination acknowledges {PlanningTime.Rate(state.ThroughputBytesPerSecond)}: {Left(state)} ({PlanningTime.Percent(state.T2dPercent)} t2d, progress is {PlanningTime.Percent(_options.MinProgressPercent)}; at most {PlanningTime.Rounds(_options.MaxRounds)}) would take {Blackout(state)}, beyond the goal of {PlanningTime.Text(_options.Goal)}."
        : $"The goal of {PlanningTime.Text(_options.Goal)} cannot be met: the part of the switchover that does not depend on pages takes {PlanningTime.Text(state.Prediction.Fixed)}. The guest dirties {PlanningTime.Rate(state.Rounds[^1].DirtyBytesPerSecond)} and the destination acknowledges {PlanningTime.Rate(state.ThroughputBytesPerSecond)}: {Left(state)}.";

    private static string Remedy(bool goalReachable) => goalReachable ? "more bandwidth, a calmer moment or a longer goal" : "a longer goal";
}
