using PageEngine.Memory;

namespace PageEngine.Planning;

// Owns: the prediction of the blackout from what was measured. Pure functions. Wherever a number is not certain the
// longer blackout is assumed: a goal that was promised must be kept, a round too many only costs time.

/// <summary>Predicts the switchover: the time of a last pass of what remains and what is written before the pause, and the fixed
/// part.</summary>
public static class SwitchoverEstimator
{
    /// <summary>The most wire bytes that are assumed for a page: the page and its share of headers in the smallest batch.
    /// Used where no page was measured, and as a bound where marks of zero pages blur the measurement.</summary>
    public const int MaxWireBytesPerPage = MemoryLayout.PageBytes + 256;

    /// <summary>Measures the acknowledged throughput over finished rounds.</summary>
    /// <param name="rounds">The rounds, oldest first.</param>
    /// <returns>Wire bytes per second; null when no round carried a page's bytes. A round of zero pages only shows how fast
    /// memory is scanned, so rounds count by their share of pages that were sent.</returns>
    public static double? MeasureThroughput(IReadOnlyList<RoundStatistics> rounds)
    {
        ArgumentNullException.ThrowIfNull(rounds);
        AcknowledgedThroughput throughput = default;
        for (int i = 0; i < rounds.Count; i++)
        {
            RoundStatistics round = rounds[i];
            double sentShare = round.SentPages / (double)Math.Max(1, round.SentPages + round.ZeroPages);
            throughput = throughput.With(round.WireBytes, round.Duration, sentShare);
        }

        return throughput.BytesPerSecond;
    }

    /// <summary>Measures how many wire bytes one remaining page will cost.</summary>
    /// <param name="rounds">The rounds, oldest first.</param>
    /// <returns>The most that a page that was not zero cost in the two newest rounds that had such pages, headers included, and at most
    /// <see cref="MaxWireBytesPerPage"/>. Two, because what is left is what the guest wrote again and again: its pages compress, or change,
    /// like those of late rounds, and one round alone may have been lucky. Remaining pages were just written, so none is expected to
    /// be zero.</returns>
    public static double MeasureWireBytesPerPage(IReadOnlyList<RoundStatistics> rounds)
    {
        ArgumentNullException.ThrowIfNull(rounds);
        double most = 0;
        int looked = 0;
        for (int i = rounds.Count - 1; i >= 0 && looked < 2; i--)
        {
            // What was left out because it had not changed counts: the last pass leaves out as well.
            long pages = Math.Max(rounds[i].SentPages, rounds[i].DirtyPages - rounds[i].ZeroPages);
            if (rounds[i].SentPages > 0)
            {
                most = Math.Max(most, rounds[i].WireBytes / (double)pages);
                looked++;
            }
        }

        return most > 0 ? Math.Min(most, MaxWireBytesPerPage) : MaxWireBytesPerPage;
    }

    /// <summary>Predicts a switchover that begins now.</summary>
    /// <param name="remainingPages">Pages dirty or pending.</param>
    /// <param name="wireBytesPerPage">Wire bytes for each of them.</param>
    /// <param name="throughputBytesPerSecond">Acknowledged wire bytes per second; null when not measured.</param>
    /// <param name="fixedPart">Everything else.</param>
    public static SwitchoverPrediction Predict(
        long remainingPages, double wireBytesPerPage, double? throughputBytesPerSecond, TimeSpan fixedPart)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(remainingPages);
        ArgumentOutOfRangeException.ThrowIfNegative(wireBytesPerPage);
        return remainingPages == 0
            ? new SwitchoverPrediction(TimeSpan.Zero, fixedPart)
            : new SwitchoverPrediction(
                PlanningTime.FromSeconds(remainingPages * wireBytesPerPage / (throughputBytesPerSecond ?? 0)), fixedPart);
    }

    /// <summary>Predicts a switchover that begins now from the finished rounds.</summary>
    /// <param name="rounds">The rounds, oldest first.</param>
    /// <param name="remainingPages">Pages dirty or pending.</param>
    /// <param name="fixedCosts">The fixed part as measured or rehearsed so far.</param>
    public static SwitchoverPrediction Predict(
        IReadOnlyList<RoundStatistics> rounds, long remainingPages, SwitchoverFixedCosts fixedCosts)
    {
        ArgumentNullException.ThrowIfNull(fixedCosts);
        double wireBytesPerPage = MeasureWireBytesPerPage(rounds);
        double pages = remainingPages + PagesWrittenBeforePause(rounds, fixedCosts.Approach);
        var fixedPart = FixedPart(rounds, fixedCosts);
        return pages <= 0
            ? new SwitchoverPrediction(TimeSpan.Zero, fixedPart)
            : new SwitchoverPrediction(
                PlanningTime.FromSeconds(LastPassTime.Estimate(rounds, pages * wireBytesPerPage, MeasureThroughput(rounds), fixedCosts.Barrier)), fixedPart);
    }

    /// <summary>Estimates how many pages the guest will have written when it stands still, beside those that remain now: at the rate
    /// of the newest round, because a guest's distinct pages grow ever slower the longer one looks.</summary>
    private static double PagesWrittenBeforePause(IReadOnlyList<RoundStatistics> rounds, TimeSpan approach)
    {
        if (rounds.Count == 0)
        {
            return 0;
        }

        RoundStatistics newest = rounds[^1];
        TimeSpan interval = newest.CollectInterval > TimeSpan.Zero ? newest.CollectInterval : newest.Duration + newest.HarvestDuration;
        return interval > TimeSpan.Zero ? Math.Min(newest.DirtiedPages, newest.DirtiedPages * (approach / interval)) : 0;
    }

    /// <summary>Puts together what a policy looks at after a round.</summary>
    /// <param name="rounds">The finished rounds, oldest first; at least one. Kept, not copied.</param>
    /// <param name="remainingPages">Pages dirty or pending.</param>
    /// <param name="guestPages">Pages of the guest.</param>
    /// <param name="fixedCosts">The fixed part as measured or rehearsed so far.</param>
    /// <param name="elapsed">The time since pre-copy began.</param>
    /// <param name="throttleAvailable">Whether the guest can be throttled.</param>
    /// <param name="throttle">The throttle in force, 0 to 1.</param>
    /// <param name="postCopyAvailable">Whether post-copy is to be had.</param>
    public static PlanningState Assess(
        IReadOnlyList<RoundStatistics> rounds,
        long remainingPages,
        long guestPages,
        SwitchoverFixedCosts fixedCosts,
        TimeSpan elapsed,
        bool throttleAvailable = false,
        double throttle = 0,
        bool postCopyAvailable = false)
    {
        ArgumentNullException.ThrowIfNull(rounds);
        ArgumentOutOfRangeException.ThrowIfZero(rounds.Count);
        return new PlanningState
        {
            Rounds = rounds,
            RemainingPages = remainingPages,
            GuestPages = guestPages,
            ThroughputBytesPerSecond = MeasureThroughput(rounds),
            Prediction = Predict(rounds, remainingPages, fixedCosts),
            Elapsed = elapsed,
            ThrottleAvailable = throttleAvailable,
            Throttle = throttle,
            PostCopyAvailable = postCopyAvailable,
        };
    }

    // The rehearsal collects from an empty layout; the newest round's collect walked the real one. The last pass has two.
    private static TimeSpan FixedPart(IReadOnlyList<RoundStatistics> rounds, SwitchoverFixedCosts costs)
    {
        TimeSpan measured = rounds.Count > 0 ? rounds[^1].HarvestDuration * 2 : TimeSpan.Zero;
        return costs.Total - costs.Harvest + (measured > costs.Harvest ? measured : costs.Harvest);
    }
}
