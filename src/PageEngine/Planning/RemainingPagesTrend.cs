namespace PageEngine.Planning;

// Owns: the question whether remaining pages still fall. Pure; reads a PlanningState, keeps nothing.

/// <summary>Reads the pages left after each round. Only the newest rounds that ran under the throttle now in force are
/// looked at: what the guest did at another speed says nothing about this one.</summary>
internal readonly struct RemainingPagesTrend
{
    private readonly PlanningState _state;
    private readonly int _first;

    public RemainingPagesTrend(PlanningState state)
    {
        _state = state;
        _first = state.Rounds.Count;
        while (_first > 0 && Math.Abs(state.Rounds[_first - 1].Throttle - state.Throttle) < 1e-9)
        {
            _first--;
        }
    }

    /// <summary>Gets how many rounds are looked at.</summary>
    public int Rounds => _state.Rounds.Count - _first;

    /// <summary>Gets the fewest pages that were left after any of the newest <paramref name="rounds"/> rounds.</summary>
    public long Fewest(int rounds)
    {
        long fewest = _state.RemainingPages;
        for (int i = Math.Max(_first, _state.Rounds.Count - rounds); i < _state.Rounds.Count; i++)
        {
            fewest = Math.Min(fewest, LeftAfter(i));
        }

        return fewest;
    }

    /// <summary>Gets whether none of the newest <paramref name="rounds"/> rounds left fewer pages than were left before
    /// them, by more than the tolerance. The fewest are compared, not the newest: a noisy round is no stall.</summary>
    public bool HasStoppedFalling(int rounds, double tolerancePercent)
    {
        if (Rounds < rounds)
        {
            return false;
        }

        int windowStart = _state.Rounds.Count - rounds;
        long before = _state.Rounds[windowStart].DirtyPages;
        for (int i = _first; i < windowStart; i++)
        {
            before = Math.Min(before, LeftAfter(i));
        }

        return Fewest(rounds) > (1 - (tolerancePercent / 100)) * before || before == 0;
    }

    /// <summary>Gets how many more rounds the pages left need to fall to <paramref name="targetPages"/>, if they go on
    /// falling by the mean ratio of the newest <paramref name="rounds"/> rounds; infinite when they do not fall. Guests fall
    /// ever more slowly, so fewer are never needed.</summary>
    public double RoundsUntil(double targetPages, int rounds)
    {
        double offered = _state.Rounds[_state.Rounds.Count - rounds].DirtyPages;
        if (_state.RemainingPages <= targetPages)
        {
            return 0;
        }

        return targetPages < 1 || _state.RemainingPages >= offered
            ? double.PositiveInfinity
            : Math.Ceiling(Math.Log(_state.RemainingPages / targetPages) / (Math.Log(offered / _state.RemainingPages) / rounds));
    }

    private long LeftAfter(int round) =>
        round + 1 < _state.Rounds.Count ? _state.Rounds[round + 1].DirtyPages : _state.RemainingPages;
}
