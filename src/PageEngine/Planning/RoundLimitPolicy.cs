namespace PageEngine.Planning;

// Owns: a stop rule of older hypervisors, for comparison. It knows no goal: the blackout is whatever remains.

/// <summary>
/// Switches over when few pages are left or after a fixed number of rounds, whatever the blackout will be. With the
/// defaults: fewer than 50 pages, or 5 rounds. Never gives up.
/// </summary>
/// <param name="maxRounds">The most rounds, the first one included; at least 1.</param>
/// <param name="fewPages">Below this many remaining pages it switches over.</param>
public sealed class RoundLimitPolicy(int maxRounds = 5, long fewPages = 50) : IMigrationPolicy
{
    private readonly int _maxRounds = maxRounds >= 1 ? maxRounds : throw new ArgumentOutOfRangeException(nameof(maxRounds));
    private readonly long _fewPages = fewPages >= 0 ? fewPages : throw new ArgumentOutOfRangeException(nameof(fewPages));

    /// <inheritdoc/>
    public MigrationDecision Decide(PlanningState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        string facts = $"{PlanningTime.Pages(state.RemainingPages)} left after {PlanningTime.Rounds(state.Rounds.Count)}";
        if (state.RemainingPages < _fewPages)
        {
            return new MigrationDecision(DecisionKind.SwitchOver, $"{facts}: fewer than {_fewPages}.");
        }

        return state.Rounds.Count >= _maxRounds
            ? new MigrationDecision(DecisionKind.SwitchOver, $"{facts}: the most are {_maxRounds}.", Forced: true)
            : new MigrationDecision(DecisionKind.NextRound, $"{facts}: not yet fewer than {_fewPages} pages or {_maxRounds} rounds.");
    }
}
