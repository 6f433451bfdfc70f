using PageEngine.Memory;

namespace PageEngine.Cli.LogAnalysis;

// Owns: the rounds of a migration from its lines. A line that says that another round is needed ends one round and begins
// the next: the stamps between them give times, and times give rates. Pure.

/// <summary>Reads rounds.</summary>
internal static class LoggedRounds
{
    /// <summary>Gets the rounds.</summary>
    /// <param name="source">The source's lines, in order.</param>
    public static IReadOnlyList<LoggedRoundDocument> Of(IReadOnlyList<LogEvent> source)
    {
        LogEvent[] measured = [.. source.Where(e => e is { Kind: LogEventKind.RoundDone, Number: not null })];
        return measured.Length > 0 ? [.. measured.Select(Measured)] : [.. BetweenLines(source)];
    }

    private static LoggedRoundDocument Measured(LogEvent e) => new()
    {
        Index = (int)Math.Clamp(e.Number!.Value, 0, int.MaxValue),
        DirtyPages = e.LastPages,
        SentPages = e.SentPages,
        ZeroPages = e.ZeroPages,
        WireBytes = e.Bytes,
        DurationMs = e.Milliseconds,
        LeftPages = e.Pages,
        TransmitBytesPerSecond = Rate(e.Bytes, e.Milliseconds),
        DirtyBytesPerSecond = Rate(e.Pages * (double)MemoryLayout.PageBytes, e.Milliseconds),
        T2dPercent = e.T2dPercent,
    };

    private static IEnumerable<LoggedRoundDocument> BetweenLines(IReadOnlyList<LogEvent> source)
    {
        LogEvent[] ends = [.. source.Where(e => e.Kind == LogEventKind.AnotherRound)];
        if (ends.Length == 0)
        {
            yield break;
        }

        int index = 0;
        LogEvent? before = source.FirstOrDefault(e => e.Kind == LogEventKind.Opening);

        // The first line is missing where the one before it had a round before it: when this one began is not known then.
        before = ends[0].LastPages is null or -1 ? before : null;
        foreach (LogEvent end in ends.Concat(source.Where(e => e.Kind is LogEventKind.PreCopyStopped or LogEventKind.PreCopyForced).Take(1)))
        {
            long? offered = end.LastPages is { } last ? (last >= 0 ? last : null) : before?.Kind == LogEventKind.AnotherRound ? before.Pages : null;
            double? took = Milliseconds(before, end);
            yield return new LoggedRoundDocument
            {
                Index = index++,
                DirtyPages = offered,
                DurationMs = took,
                LeftPages = end.Pages,
                TransmitBytesPerSecond = Rate(offered * (double)MemoryLayout.PageBytes, took),
                DirtyBytesPerSecond = Rate(end.Pages * (double)MemoryLayout.PageBytes, took),
                T2dPercent = offered is { } pages && end.Pages is { } left ? 100.0 * pages / Math.Max(1, left) : null,
            };
            before = end;
        }
    }

    /// <summary>Gets the time between two lines of one clock.</summary>
    public static double? Milliseconds(LogEvent? from, LogEvent? to) => from is not null && to is not null && from.Stamp.Clock == to.Stamp.Clock
        && from.Stamp.Clock != LogClock.None
        ? (to.Stamp.Ticks - from.Stamp.Ticks) / (double)TimeSpan.TicksPerMillisecond
        : null;

    private static double? Rate(double? bytes, double? milliseconds) => milliseconds > 0 ? bytes * 1000 / milliseconds : null;
}
