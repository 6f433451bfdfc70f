using PageEngine.Memory;
using PageEngine.Planning;

namespace PageEngine.Tests.Planning;

// Owns: short-hand for rounds and states in tests. Pages cost exactly their 4096 bytes here unless said otherwise.

internal static class RoundBuilder
{
    public static RoundStatistics Round(int index, long offered, double seconds, long left, double throttle = 0) => new()
    {
        Index = index,
        DirtyPages = offered,
        SentPages = offered,
        ZeroPages = 0,
        WireBytes = offered * MemoryLayout.PageBytes,
        Duration = TimeSpan.FromSeconds(seconds),
        HarvestDuration = TimeSpan.Zero,
        DirtiedPages = left,
        Throttle = throttle,
    };

    /// <summary>A history: the guest's pages, then what was left after each round, over a link of so many pages a second.</summary>
    public static PlanningState History(
        double pagesPerSecond, long[] lefts, TimeSpan? fixedPart = null, bool throttleAvailable = false, double throttle = 0,
        bool postCopyAvailable = false)
    {
        var rounds = new List<RoundStatistics>();
        for (int i = 1; i < lefts.Length; i++)
        {
            rounds.Add(Round(i - 1, lefts[i - 1], lefts[i - 1] / pagesPerSecond, lefts[i], throttle));
        }

        return SwitchoverEstimator.Assess(
            rounds, lefts[^1], lefts[0], new SwitchoverFixedCosts { Pause = fixedPart ?? TimeSpan.Zero },
            TimeSpan.FromSeconds(1), throttleAvailable, throttle, postCopyAvailable);
    }
}
