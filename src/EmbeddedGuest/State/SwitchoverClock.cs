namespace PageEngine.EmbeddedGuest.State;

// Owns: comparing a time at the source with a time here. Within one boot of one host all processes share the
// monotonic clock; between hosts only the wall clocks compare, as well as they are set.

/// <param name="Source">What the source saved.</param>
/// <param name="SameClock">Whether the source's timestamps are of this host's clock.</param>
/// <param name="LoadedAt">A timestamp of this host.</param>
/// <param name="LoadedAtUtc">The wall clock at that moment.</param>
/// <param name="TicksPerSecond">The frequency of this host's timestamps.</param>
internal sealed record SwitchoverClock(GuestState Source, bool SameClock, long LoadedAt, DateTimeOffset LoadedAtUtc, long TicksPerSecond)
{
    internal static SwitchoverClock Of(GuestState source, Guid bootId, long now, DateTimeOffset utcNow, long ticksPerSecond) =>
        new(source, bootId != Guid.Empty && bootId == source.BootId && ticksPerSecond == source.TicksPerSecond, now, utcNow, ticksPerSecond);

    /// <summary>The time from a timestamp of the source to one of this host. Between hosts whose clocks disagree it can
    /// come out negative; then zero is returned.</summary>
    internal TimeSpan Between(long atSource, long here)
    {
        TimeSpan span = SameClock
            ? Span(here - atSource, TicksPerSecond)
            : LoadedAtUtc + Span(here - LoadedAt, TicksPerSecond) - (Source.SavedAtUtc - Span(Source.SavedAt - atSource, Source.TicksPerSecond));
        return span < TimeSpan.Zero ? TimeSpan.Zero : span;
    }

    /// <summary>Gives the virtual CPUs that have not run here the times they came with, on the clock they were taken from:
    /// only so does the next host know when the guest stood still. One clock goes with a state: once a virtual CPU has run
    /// here it is this host's, and what the others bring along counts only if it was taken from the same one.</summary>
    /// <param name="now">The virtual CPUs as they are; those that did not run here are changed.</param>
    /// <param name="firstHere">When each first ran here; zero: not yet.</param>
    /// <returns>Whether any has run here.</returns>
    internal bool KeepTimes(VirtualCpuState[] now, long[] firstHere)
    {
        bool ranHere = Array.Exists(firstHere, static at => at > 0);
        for (int i = 0; i < now.Length; i++)
        {
            VirtualCpuState came = Source.VirtualCpus[i];
            if (!ranHere)
            {
                now[i] = now[i] with { LastOperationAt = came.LastOperationAt, LongestStallTicks = came.LongestStallTicks };
            }
            else if (firstHere[i] == 0 && SameClock)
            {
                now[i] = now[i] with { LastOperationAt = came.LastOperationAt };
            }
        }

        return ranHere;
    }

    private static TimeSpan Span(long ticks, long ticksPerSecond) => new(Scale(ticks, TimeSpan.TicksPerSecond, ticksPerSecond));

    /// <summary>Multiplies and divides without loss in between. In decimal: what uses Int128 is not compiled ahead of time, and the
    /// first resume of a guest would wait for the compiler. A result that is no long becomes the nearest one.</summary>
    internal static long Scale(long value, long multiplier, long divisor)
    {
        decimal product = (decimal)value * multiplier;
        return (long)Math.Clamp((product - (product % divisor)) / divisor, long.MinValue, long.MaxValue);
    }
}
