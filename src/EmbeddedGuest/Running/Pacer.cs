namespace PageEngine.EmbeddedGuest.Running;

// Owns: when a virtual CPU may do its next operations: a token bucket over timestamps that the caller supplies. No
// clock of its own. It decides how many operations are done by when, never which ones.

internal struct Pacer
{
    /// <summary>Time that a late virtual CPU makes up for; what is beyond (a long stall) is not caught up.</summary>
    private const double CatchUpSeconds = 0.05;

    private const double SliceSeconds = 0.0005;
    private const double LongestWaitSeconds = 0.02;
    private const int Chunk = 64;

    private readonly double _perTick;
    private readonly double _longestElapsed;
    private readonly double _ticksPerSecond;
    private readonly double _phase;
    private double _credit;
    private long _last;

    /// <param name="operationsPerSecond">The rate of this virtual CPU; null: unthrottled.</param>
    /// <param name="ticksPerSecond">The timestamps' frequency.</param>
    /// <param name="phase">The share of the first interval that has passed already, above 0 to 1: virtual CPUs with
    /// different phases take turns.</param>
    internal Pacer(double? operationsPerSecond, long ticksPerSecond, double phase)
    {
        _ticksPerSecond = ticksPerSecond;
        _perTick = operationsPerSecond is { } rate ? rate / ticksPerSecond : double.PositiveInfinity;
        _longestElapsed = ticksPerSecond * CatchUpSeconds;
        _phase = phase;
    }

    /// <summary>Starts anew: time before <paramref name="now"/> gives no right to operations.</summary>
    internal void Restart(long now)
    {
        _last = now;
        _credit = _phase;
    }

    /// <summary>Takes away the right to operations that has piled up.</summary>
    internal void Forfeit(long now)
    {
        _last = now;
        _credit = Math.Min(_credit, 0);
    }

    /// <summary>Takes the operations that are due, at most a chunk of them; 0: none is due yet.</summary>
    internal int Take(long now)
    {
        if (double.IsPositiveInfinity(_perTick))
        {
            return Chunk;
        }

        double elapsed = Math.Min(Math.Max(now - _last, 0), _longestElapsed);
        _last = now;
        _credit += elapsed * _perTick;
        int due = (int)Math.Min(_credit, Chunk);
        _credit -= due;
        return due;
    }

    /// <summary>Gives back operations that were taken and not done.</summary>
    internal void GiveBack(int operations)
    {
        if (!double.IsPositiveInfinity(_perTick))
        {
            _credit += operations;
        }
    }

    /// <summary>How long to wait after <see cref="Take"/> returned 0, in ticks: until the next operation is due, but at
    /// least a slice, so that fast workloads do not wake for every operation.</summary>
    internal readonly long TicksToWait()
    {
        double ticks = (1 - _credit) / _perTick;
        return (long)Math.Clamp(ticks, _ticksPerSecond * SliceSeconds, _ticksPerSecond * LongestWaitSeconds);
    }
}
