namespace PageEngine.Transport.Edges;

// Owns: when bytes may go under a cap. Pure: the time is given, and the answer is how long to wait. A value, not shared.

/// <summary>A token bucket kept as the time at which the link is free again.</summary>
internal struct PacingSchedule
{
    /// <summary>What a sender that woke late, or paused, may catch up on: the bucket's depth as a time.</summary>
    internal static readonly TimeSpan Depth = TimeSpan.FromMilliseconds(15);

    private readonly long _bytesPerSecond;
    private readonly long _frequency;
    private readonly long _depth;
    private long _freeAt;
    private long _remainder;

    /// <param name="bytesPerSecond">The cap, above 0.</param>
    /// <param name="frequency">Timestamps per second.</param>
    /// <param name="now">The time from which the link is free.</param>
    internal PacingSchedule(long bytesPerSecond, long frequency, long now)
    {
        _bytesPerSecond = bytesPerSecond;
        _frequency = frequency;
        _depth = (long)(Depth.TotalSeconds * frequency);
        _freeAt = now;
    }

    /// <summary>Reserves the next free time for bytes.</summary>
    /// <param name="bytes">How many.</param>
    /// <param name="now">The time.</param>
    /// <returns>How long it is until then.</returns>
    internal TimeSpan Reserve(long bytes, long now)
    {
        long start = Math.Max(_freeAt, now - _depth);

        // What one division drops, the next one takes up: the rate is exact over any number of batches.
        (Int128 ticks, Int128 remainder) = Int128.DivRem(((Int128)bytes * _frequency) + _remainder, _bytesPerSecond);
        _remainder = (long)remainder;
        _freeAt = start + (long)ticks;
        return start <= now ? TimeSpan.Zero : TimeSpan.FromTicks((long)((Int128)(start - now) * TimeSpan.TicksPerSecond / _frequency));
    }
}
