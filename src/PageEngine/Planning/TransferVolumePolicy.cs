namespace PageEngine.Planning;

// Owns: a stop rule of older hypervisors, for comparison. It knows no goal: the blackout is whatever remains.

/// <summary>
/// Switches over when any of these holds: 29 rounds are done; the newest round handled fewer than 50 pages (sent, or
/// skipped because they were written again); more than three times the guest's memory was sent; or the newest round sent
/// more than the one before it although the rate could not be raised. Never gives up.
/// </summary>
/// <param name="maxRounds">The most rounds before the last one, the first one included; at least 1.</param>
/// <param name="fewPages">A round that handled fewer pages is the last but one.</param>
/// <param name="maxMemoryMultiple">How many times the guest's memory may be sent.</param>
/// <param name="rateIsAtMaximum">Whether pages go as fast as they can, so that a growing round cannot be answered by a
/// higher rate.</param>
public sealed class TransferVolumePolicy(
    int maxRounds = 29, long fewPages = 50, double maxMemoryMultiple = 3, bool rateIsAtMaximum = true) : IMigrationPolicy
{
    private readonly int _maxRounds = maxRounds >= 1 ? maxRounds : throw new ArgumentOutOfRangeException(nameof(maxRounds));
    private readonly long _fewPages = fewPages >= 0 ? fewPages : throw new ArgumentOutOfRangeException(nameof(fewPages));

    private readonly double _maxMemoryMultiple =
        maxMemoryMultiple > 0 ? maxMemoryMultiple : throw new ArgumentOutOfRangeException(nameof(maxMemoryMultiple));

    /// <inheritdoc/>
    public MigrationDecision Decide(PlanningState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        RoundStatistics newest = state.Rounds[^1];
        long sent = Sent(newest);
        long handled = Math.Max(sent, newest.DirtyPages);
        long total = 0;
        for (int i = 0; i < state.Rounds.Count; i++)
        {
            total += Sent(state.Rounds[i]);
        }

        string facts = $"{PlanningTime.Pages(state.RemainingPages)} left after {PlanningTime.Rounds(state.Rounds.Count)}, {total} pages sent in all and {sent} in the newest";
        if (handled < _fewPages)
        {
            return new MigrationDecision(DecisionKind.SwitchOver, $"{facts}: the round handled {handled} pages, fewer than {_fewPages}.");
        }

        if (state.Rounds.Count >= _maxRounds)
        {
            return Forced($"{facts}: the most are {_maxRounds} rounds.");
        }

        if (total > _maxMemoryMultiple * state.GuestPages)
        {
            return Forced(FormattableString.Invariant($"{facts}: more than {_maxMemoryMultiple} times the guest's {state.GuestPages} pages."));
        }

        return rateIsAtMaximum && state.Rounds.Count > 1 && sent > Sent(state.Rounds[^2])
            ? Forced($"{facts}: more than the {Sent(state.Rounds[^2])} of the round before, at the highest rate.")
            : new MigrationDecision(DecisionKind.NextRound, $"{facts}: no limit of {_maxRounds} rounds is reached.");
    }

    private static MigrationDecision Forced(string reason) => new(DecisionKind.SwitchOver, reason, Forced: true);

    private static long Sent(RoundStatistics round) => round.SentPages + round.ZeroPages;
}
