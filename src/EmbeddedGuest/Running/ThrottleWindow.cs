namespace PageEngine.EmbeddedGuest.Running;

// Owns: how a throttled virtual CPU's time is divided: windows that begin with running and end with sleeping. Pure.

internal struct ThrottleWindow
{
    private const double WindowSeconds = 0.01;

    private long _windowStart;

    /// <summary>How long to sleep now, in ticks; 0: run.</summary>
    /// <param name="now">The current timestamp.</param>
    /// <param name="fraction">The share of time to sleep, 0 to 1.</param>
    /// <param name="ticksPerSecond">The timestamps' frequency.</param>
    internal long TicksToSleep(long now, double fraction, long ticksPerSecond)
    {
        long window = (long)(ticksPerSecond * WindowSeconds);
        if (now - _windowStart >= window)
        {
            _windowStart = now;
        }

        long position = now - _windowStart;
        return position >= (long)(window * (1 - fraction)) ? Math.Max(window - position, 1) : 0;
    }
}
