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

    private static TimeSpan Span(long ticks, long ticksPerSecond) => new((long)((Int128)ticks * TimeSpan.TicksPerSecond / ticksPerSecond));
}
