namespace PageEngine.Cli.LogAnalysis;

// Owns: how far two hosts' clocks are apart, from events that both logged. A message that went one way bounds the offset
// from one side, its answer from the other; an event that both saw bounds it from both. Pure.

/// <summary>Bounds of the destination's clock minus the source's.</summary>
/// <param name="Lowest">The least, in units of 100 ns.</param>
/// <param name="Highest">The most.</param>
/// <param name="Events">How many events gave them.</param>
internal readonly record struct ClockOffset(long Lowest, long Highest, int Events)
{
    // Two hosts do not log the same event at the same moment; a second is what they have been seen to differ by.
    private static readonly long _sameEvent = TimeSpan.TicksPerSecond;

    // A stamp is cut to milliseconds.
    private static readonly long _stamp = TimeSpan.TicksPerMillisecond;

    // What the source says before the destination can, and the other way round.
    private static readonly (string Source, string Destination, bool SourceIsFirst)[] _messages =
    [
        ("Preparing on LastPassDone", "Restoring on PrepareReceived", true),
        ("Granted on EpochCreated", "Reading on CommitReceived", true),
        ("Granting on PeerPrepared", "Prepared on PreparedJournaled", false),
        ("Releasing on PeerRunning", "RunsHere on Marked", false),
    ];

    /// <summary>Gets the middle of the bounds.</summary>
    public long Estimate => Lowest + ((Highest - Lowest) / 2);

    /// <summary>Gets how far the truth may be from it.</summary>
    public long Uncertainty => Math.Abs(Highest - Lowest) / 2;

    /// <summary>Gets whether the clocks certainly differ.</summary>
    public bool IsCertain => Math.Abs(Estimate) > Uncertainty;

    /// <summary>Estimates the offset.</summary>
    /// <returns>Null when no event was logged by both.</returns>
    public static ClockOffset? Of(IReadOnlyList<LogEvent> source, IReadOnlyList<LogEvent> destination)
    {
        long lowest = long.MinValue;
        long highest = long.MaxValue;
        int events = 0;
        foreach ((string said, string heard, bool sourceIsFirst) in _messages)
        {
            if (Step(source, said) is { } s && Step(destination, heard) is { } d)
            {
                events++;
                highest = sourceIsFirst ? Math.Min(highest, d - s + _stamp) : highest;
                lowest = sourceIsFirst ? lowest : Math.Max(lowest, d - s - _stamp);
            }
        }

        if (lowest != long.MinValue && highest != long.MaxValue)
        {
            return new ClockOffset(Math.Min(lowest, highest), Math.Max(lowest, highest), events);
        }

        long[] both = [.. SameEvents(source, destination).Order()];
        return both.Length == 0 ? null : new ClockOffset(both[both.Length / 2] - _sameEvent, both[both.Length / 2] + _sameEvent, both.Length);
    }

    private static long? Step(IReadOnlyList<LogEvent> events, string text) =>
        events.FirstOrDefault(e => e.Kind == LogEventKind.SwitchoverStep && e.Text == text)?.Stamp.Ticks;

    private static IEnumerable<long> SameEvents(IReadOnlyList<LogEvent> source, IReadOnlyList<LogEvent> destination)
    {
        foreach (LogEventKind kind in (LogEventKind[])[LogEventKind.Opening, LogEventKind.SwitchoverTimeExceeded, LogEventKind.FailureStatus])
        {
            // Of a failure that one side has and the other has another one, the two are not the same event.
            if (source.FirstOrDefault(e => e.Kind == kind) is { } s && destination.FirstOrDefault(e => e.Kind == kind && e.Number == s.Number) is { } d)
            {
                yield return d.Stamp.Ticks - s.Stamp.Ticks;
            }
        }
    }
}
