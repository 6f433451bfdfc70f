using PageEngine.Memory;
using PageEngine.Planning;

namespace PageEngine.Simulation.Conformance;

// Owns: the arithmetic of a made-up migration, round by round. No clock: a round takes what its bytes take.

/// <summary>Makes the rounds of a <see cref="PlanningCase"/>.</summary>
internal sealed class PlanningRun(PlanningCase drawn)
{
    private static readonly TimeSpan _harvest = TimeSpan.FromMicroseconds(100);

    private readonly List<RoundStatistics> _rounds = [];
    private long _left = drawn.GuestPages;
    private TimeSpan _elapsed;
    private double _throttle;

    internal int Rounds => _rounds.Count;

    /// <summary>Gets the state after the newest round. The rounds are a copy: a policy may keep them.</summary>
    internal PlanningState State => SwitchoverEstimator.Assess(
        [.. _rounds],
        _left,
        drawn.GuestPages,
        new SwitchoverFixedCosts { Pause = TimeSpan.FromMicroseconds(drawn.FixedMicroseconds) },
        _elapsed,
        drawn.Throttle,
        _throttle,
        drawn.PostCopy);

    /// <summary>Sends what is left, while the guest writes again.</summary>
    internal void Round()
    {
        long offered = _left;
        long zero = _rounds.Count == 0 ? offered * drawn.ZeroPercent / 100 : 0;
        long wire = ((offered - zero) * (MemoryLayout.PageBytes + 16)) + 64;
        TimeSpan duration = TimeSpan.FromSeconds(Math.Min(1e9, wire / (double)drawn.BytesPerSecond));
        double perMille = drawn.LeftPerMille[_rounds.Count % drawn.LeftPerMille.Length];
        double kept = drawn.ThrottleHelps ? 1 - _throttle : 1;
        _left = (long)Math.Min(drawn.GuestPages, Math.Ceiling(offered * perMille / 1000) * kept);

        // A guest that left nothing may write again later; without this a case would stay at zero for ever.
        _left = offered == 0 && perMille > 0 ? Math.Min(drawn.GuestPages, (long)perMille) : _left;
        _rounds.Add(new RoundStatistics
        {
            Index = _rounds.Count,
            DirtyPages = offered,
            SentPages = offered - zero,
            ZeroPages = zero,
            WireBytes = wire,
            Duration = duration,
            HarvestDuration = _harvest,
            DirtiedPages = _left,
            Throttle = _throttle,
        });
        _elapsed += duration + _harvest;
    }

    /// <summary>Carries a decision out that asks for another round.</summary>
    internal void Throttle(double fraction) => _throttle = fraction;
}
