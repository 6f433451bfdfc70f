namespace PageEngine.Planning;

// Owns: the stop rule that the oldest logs show: a round that took less than a second is used to finish.

/// <summary>
/// Switches over after the first round that took less than a second: what the guest wrote meanwhile takes no longer.
/// Gives up when no round was that short.
/// </summary>
public sealed class ShortRoundPolicy : IMigrationPolicy
{
    private readonly TimeSpan _shorterThan;
    private readonly int _maxRounds;

    /// <summary>Makes the policy.</summary>
    /// <param name="shorterThan">A round shorter than this is the last one; null for 1 s.</param>
    /// <param name="maxRounds">The most rounds, the first one included; at least 1.</param>
    public ShortRoundPolicy(TimeSpan? shorterThan = null, int maxRounds = 30)
    {
        _shorterThan = shorterThan ?? TimeSpan.FromSeconds(1);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(_shorterThan, TimeSpan.Zero, nameof(shorterThan));
        ArgumentOutOfRangeException.ThrowIfLessThan(maxRounds, 1);
        _maxRounds = maxRounds;
    }

    /// <inheritdoc/>
    public MigrationDecision Decide(PlanningState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        TimeSpan duration = state.Rounds[^1].Duration;
        string facts = $"{PlanningTime.Pages(state.RemainingPages)} left after {PlanningTime.Rounds(state.Rounds.Count)}, the newest took {PlanningTime.Text(duration)}";
        if (duration < _shorterThan)
        {
            return new MigrationDecision(DecisionKind.SwitchOver, $"{facts}: less than {PlanningTime.Text(_shorterThan)}.");
        }

        return state.Rounds.Count < _maxRounds
            ? new MigrationDecision(DecisionKind.NextRound, $"{facts}: not yet less than {PlanningTime.Text(_shorterThan)}.")
            : new MigrationDecision(
                DecisionKind.GiveUp,
                $"{facts}: never less than {PlanningTime.Text(_shorterThan)}. The guest dirties {PlanningTime.Rate(state.Rounds[^1].DirtyBytesPerSecond)} and the destination acknowledges {PlanningTime.Rate(state.ThroughputBytesPerSecond)}; give it more bandwidth or a calmer moment.",
                Error: MigrationErrorKind.NotConverging);
    }
}
