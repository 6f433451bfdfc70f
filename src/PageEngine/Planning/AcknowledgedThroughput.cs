namespace PageEngine.Planning;

// Owns: the smoothing of acknowledged throughput. A value: adding a sample makes a new one, the old one stays as it was.

/// <summary>
/// The smoothed rate at which the destination acknowledged bytes. A sample moves the rate by the time it covers, with a
/// half-life of <see cref="HalfLife"/>: a round of ten seconds replaces what was known before, one of five milliseconds,
/// which shows the latency of its barrier rather than the link, hardly moves it.
/// </summary>
/// <remarks>The rate lies between the slowest and the fastest sample, so it never exceeds what the link did; and the
/// same samples over a uniformly faster link never give a lower rate.</remarks>
public readonly record struct AcknowledgedThroughput
{
    /// <summary>After this much measured time an older sample counts half. Long against the 100 ms over which readings are
    /// known to jitter, short against the minutes over which a shared link changes.</summary>
    public static readonly TimeSpan HalfLife = TimeSpan.FromSeconds(1);

    private readonly double _weightedRate;
    private readonly double _weight;

    private AcknowledgedThroughput(double weightedRate, double weight)
    {
        _weightedRate = weightedRate;
        _weight = weight;
    }

    /// <summary>Gets the rate in bytes per second; null when nothing was measured.</summary>
    public double? BytesPerSecond => _weight > 0 ? _weightedRate / _weight : null;

    /// <summary>Adds a sample.</summary>
    /// <param name="acknowledgedBytes">Wire bytes that the destination acknowledged; 0 or less adds nothing.</param>
    /// <param name="duration">The time from the first byte to the last acknowledgement; 0 or less adds nothing.</param>
    /// <param name="evidence">0 to 1: how much of the time the link rather than something else (scanning zero pages) set
    /// the pace. It scales the sample's weight, not its rate.</param>
    public AcknowledgedThroughput With(long acknowledgedBytes, TimeSpan duration, double evidence = 1)
    {
        double measuredSeconds = duration.TotalSeconds * Math.Clamp(evidence, 0, 1);
        if (acknowledgedBytes <= 0 || !(measuredSeconds > 0))
        {
            return this;
        }

        double keep = double.Exp2(-measuredSeconds / HalfLife.TotalSeconds);
        double rate = acknowledgedBytes / duration.TotalSeconds;
        return new AcknowledgedThroughput((_weightedRate * keep) + (rate * (1 - keep)), (_weight * keep) + (1 - keep));
    }
}
