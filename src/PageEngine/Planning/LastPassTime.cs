namespace PageEngine.Planning;

// Owns: how long a last pass of a given size is expected to take. Pure.

/// <summary>
/// The time of rounds like the last pass. A round of gigabytes shows the link with a guest competing for the processors and
/// the caches; one of a megabyte fits into the socket's and the link's buffers. So each finished round says what the last pass would
/// take as far as that round can tell, and counts by how near its size is to the last pass's: the smaller of the two divided by the
/// larger.
/// </summary>
/// <remarks>A larger round tells its rate. A smaller one tells its time, and the rest goes at the smoothed throughput: the latency that
/// a small round shows must not be multiplied. The barrier is in each round's duration and in the switchover's fixed part, and is taken
/// out here, but never so far that a round would be faster than the fastest was.</remarks>
internal static class LastPassTime
{
    /// <summary>Gets the time in seconds; infinity when no round carried a page's bytes.</summary>
    /// <param name="rounds">The rounds, oldest first.</param>
    /// <param name="bytes">The last pass, in wire bytes.</param>
    /// <param name="throughput">The smoothed throughput; null when no round carried a page's bytes.</param>
    /// <param name="barrier">The time of a barrier without pages.</param>
    public static double Estimate(IReadOnlyList<RoundStatistics> rounds, double bytes, double? throughput, TimeSpan barrier)
    {
        double fastest = 0;
        for (int i = 0; i < rounds.Count; i++)
        {
            fastest = Math.Max(fastest, IsEvidence(rounds[i]) ? rounds[i].TransmitBytesPerSecond : 0);
        }

        double weights = 0;
        double weighted = 0;
        for (int i = 0; i < rounds.Count; i++)
        {
            RoundStatistics round = rounds[i];
            if (!IsEvidence(round))
            {
                continue;
            }

            // A round of zero pages shows how fast memory is scanned.
            double sentShare = round.SentPages / (double)(round.SentPages + round.ZeroPages);
            double likeness = Math.Min(bytes, round.WireBytes) / Math.Max(bytes, round.WireBytes);
            double own = Math.Max((round.Duration - barrier).TotalSeconds, round.WireBytes / fastest);
            double told = round.WireBytes >= bytes || throughput is null
                ? own * (bytes / round.WireBytes)
                : own + ((bytes - round.WireBytes) / throughput.Value);
            weights += likeness * sentShare;
            weighted += likeness * sentShare * told;
        }

        return weights > 0 ? weighted / weights : double.PositiveInfinity;
    }

    private static bool IsEvidence(RoundStatistics round) => round is { SentPages: > 0, WireBytes: > 0 } && round.Duration > TimeSpan.Zero;
}
