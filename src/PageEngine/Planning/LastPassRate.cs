namespace PageEngine.Planning;

// Owns: the rate at which a last pass of a given size is expected to go. Pure.

/// <summary>
/// The rate of rounds like the last pass. A round of gigabytes shows the link with a guest competing for the processors and
/// the caches; one of a megabyte fits into the socket's and the link's buffers. So each finished round counts by how near its size
/// is to the last pass's: the smaller of the two divided by the larger.
/// </summary>
/// <remarks>The barrier is in each round's duration and in the switchover's fixed part, and is taken out here, but never more than
/// half of a round: a barrier that was rehearsed at a bad moment must not make a link of infinite speed. The rate lies between the
/// slowest and the fastest round's.</remarks>
internal static class LastPassRate
{
    /// <summary>Gets the rate in bytes per second; null when no round carried a page's bytes.</summary>
    /// <param name="rounds">The rounds, oldest first.</param>
    /// <param name="bytes">The last pass, in wire bytes.</param>
    /// <param name="barrier">The time of a barrier without pages.</param>
    public static double? Measure(IReadOnlyList<RoundStatistics> rounds, double bytes, TimeSpan barrier)
    {
        double weights = 0;
        double weighted = 0;
        for (int i = 0; i < rounds.Count; i++)
        {
            RoundStatistics round = rounds[i];
            if (round.SentPages <= 0 || round.WireBytes <= 0 || round.Duration <= TimeSpan.Zero)
            {
                continue;
            }

            // A round of zero pages shows how fast memory is scanned.
            double sentShare = round.SentPages / (double)(round.SentPages + round.ZeroPages);
            double likeness = Math.Min(bytes, round.WireBytes) / Math.Max(bytes, round.WireBytes);
            double weight = likeness * sentShare;
            TimeSpan own = round.Duration - barrier > round.Duration / 2 ? round.Duration - barrier : round.Duration / 2;
            weights += weight;
            weighted += weight * (own.TotalSeconds / round.WireBytes);
        }

        return weights > 0 && weighted > 0 ? weights / weighted : null;
    }
}
