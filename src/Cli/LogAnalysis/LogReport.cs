using System.Globalization;
using PageEngine.Cli.Output;
using Spectre.Console;

namespace PageEngine.Cli.LogAnalysis;

// Owns: what logs say about migrations, as a person reads it: one block a migration, its end last.

/// <summary>Draws what was found.</summary>
internal static class LogReport
{
    // A timeline is for steps; connections, locks and rehearsals are in the JSON and in the whole one.
    private static readonly HashSet<string> _details =
    [
        .. new[]
        {
            LogEventKind.Affinity, LogEventKind.StreamWorker, LogEventKind.ConnectionBound, LogEventKind.ConnectionAccepted, LogEventKind.BufferSize,
            LogEventKind.StreamAdded, LogEventKind.Rehearsal, LogEventKind.LockProbed, LogEventKind.LockRecord, LogEventKind.SwitchoverStep,
            LogEventKind.StateChanged, LogEventKind.Decision, LogEventKind.ConfigurationReadOnly, LogEventKind.HostLogWritten, LogEventKind.MigrationInfo,
        }.Select(ReportMapping.Word),
    ];

    /// <summary>Draws everything.</summary>
    public static void Write(IAnsiConsole console, LogAnalysisDocument document, bool wholeTimeline)
    {
        foreach (LoggedMigrationDocument migration in document.Migrations)
        {
            Write(console, migration, wholeTimeline);
        }

        foreach (LogFileDocument file in document.Files)
        {
            string broken = (file.CutOffLines > 0 ? $", {Human.Count(file.CutOffLines)} cut off" : "") + (file.OverlongLines > 0 ? $", {Human.Count(file.OverlongLines)} too long" : "");
            console.WriteLine($"{file.Path}: {Human.Count(file.RecognizedLines)} of {Human.Count(file.Lines)} lines recognised{broken}");
        }

        if (document.UnattachedLines > 0)
        {
            console.WriteLine($"{Human.Count(document.UnattachedLines)} recognised lines belong to no migration.");
        }

        if (document.LeftOutLines > 0)
        {
            console.WriteLine($"{Human.Count(document.LeftOutLines)} recognised lines were too many to be kept: look at one migration with --id.");
        }
    }

    private static void Write(IAnsiConsole console, LoggedMigrationDocument migration, bool wholeTimeline)
    {
        string id = migration.MigrationId is { } known ? known.ToString(CultureInfo.InvariantCulture) : "without an id";
        console.Write(new Text($"Migration {id}", new Style(decoration: Decoration.Bold)));
        console.WriteLine();
        Grid grid = new Grid().AddColumn(new GridColumn().NoWrap().PadRight(2)).AddColumn();
        Add(grid, "guest", Guest(migration));
        Add(grid, "from, to", migration.SourceAddress is null && migration.DestinationAddress is null ? null : $"{migration.SourceAddress ?? "?"} to {migration.DestinationAddress ?? "?"}");
        Add(grid, "start", migration.StartedAt + (migration.Clock == "noZone" ? " (the log names no time zone)" : ""));
        Add(grid, "streams", migration.Streams > 0 ? Human.Count(migration.Streams) : null);
        Add(grid, "clocks", Clocks(migration.ClockOffset));
        console.Write(grid);
        if (migration.Rounds.Count > 0)
        {
            console.Write(Rounds(migration.Rounds));
        }

        Grid facts = new Grid().AddColumn(new GridColumn().NoWrap().PadRight(2)).AddColumn();
        Add(facts, "pre-copy", PreCopy(migration.PreCopy));
        Add(facts, "switchover", Switchover(migration.Switchover));
        foreach (string warning in migration.Warnings)
        {
            Add(facts, "warning", warning);
        }

        Add(facts, "not logged", migration.Missing.Count == 0 ? null : string.Join("; ", migration.Missing));
        console.Write(facts);
        WriteTimeline(console, migration, wholeTimeline);
        WriteEnd(console, migration);
        console.WriteLine();
    }

    private static string? Guest(LoggedMigrationDocument migration)
    {
        string[] parts =
        [
            migration.Guest ?? "",
            migration.SourceWorld is { } source ? $"world {source} at the source" : "",
            migration.DestinationWorld is { } destination ? $"{destination} at the destination" : "",
            migration.MemoryBytes is { } memory ? $"{Units.FormatBytes(memory)} of memory" : "",
        ];
        string text = string.Join(", ", parts.Where(p => p.Length > 0));
        return text.Length == 0 ? null : text;
    }

    private static string? Clocks(ClockOffsetDocument? offset) => offset switch
    {
        null => null,
        { Applied: false } => $"agree within {LogWords.Duration(Math.Abs(offset.DestinationAheadMs) + offset.UncertaintyMs)}, by {Events(offset)}",
        _ => $"the destination's is {LogWords.Duration(Math.Abs(offset.DestinationAheadMs))} {(offset.DestinationAheadMs > 0 ? "ahead" : "behind")}, within {LogWords.Duration(offset.UncertaintyMs)}, by {Events(offset)}; its times below are the source's",
    };

    private static string Events(ClockOffsetDocument offset) =>
        offset.Events == 1 ? "an event that both hosts logged" : $"{Human.Count(offset.Events)} events that both hosts logged";

    private static Table Rounds(IReadOnlyList<LoggedRoundDocument> rounds)
    {
        Table table = TerminalReport.NewTable("round", "pages", "on the wire", "time", "transmit", "left", "of it", "dirtied at", "t2d");
        foreach (LoggedRoundDocument round in rounds)
        {
            double? left = round is { LeftPages: { } l, DirtyPages: > 0 and { } offered } ? 100.0 * l / offered : null;
            table.AddRow(
                new Text(round.Index.ToString(CultureInfo.InvariantCulture)),
                Cell(round.DirtyPages, p => Human.Count(p)),
                Cell(round.WireBytes, b => Units.FormatBytes(b)),
                Cell(round.DurationMs, LogWords.Duration),
                Cell(round.TransmitBytesPerSecond, Units.FormatBytesPerSecond),
                Cell(round.LeftPages, p => Human.Count(p)),
                Cell(left, Human.Percent),
                Cell(round.DirtyBytesPerSecond, Units.FormatBytesPerSecond),
                Cell(round.T2dPercent, Human.Percent));
        }

        return table;
    }

    private static string? PreCopy(LoggedPreCopyDocument? preCopy)
    {
        if (preCopy is null)
        {
            return null;
        }

        string pages = preCopy.RemainingPages is { } left ? $"{Human.Count(left)} pages" : "an unknown number of pages";
        string after = preCopy.DurationMs is { } took ? $" after {LogWords.Duration(took)}" : "";
        string why = preCopy.StoppedBecause switch
        {
            "goal" => $", which fit into the goal of {(preCopy.GoalMs is { } goal ? LogWords.Duration(goal) : "?")}",
            "forced" => " although the goal is not met",
            _ => ", because so few were modified",
        };
        string rate = preCopy.BandwidthBytesPerSecond is { } bandwidth ? $"; network bandwidth {Units.FormatBytesPerSecond(bandwidth)}" : "";
        string ratio = preCopy.T2dPercent is { } t2d ? $", t2d {Human.Percent(t2d)}" : "";
        string last = preCopy.LastRoundPages is { } round ? $": the last round offered about {Human.Count(round)} pages" : "";
        return $"stopped{after} with {pages} left{why}{rate}{ratio}{last}";
    }

    private static string? Switchover(LoggedSwitchoverDocument switchover)
    {
        (string Name, double? Value)[] parts =
        [
            ("blackout", switchover.BlackoutMs),
            ("stunned at the source", switchover.SourceStunMs),
            ("stunned at the destination", switchover.DestinationStunMs),
            ("pre-copy stopped to all pages sent", switchover.StopToSentMs),
            ("from there to the end", switchover.SentToEndMs),
            ("the destination waited", switchover.DestinationWaitedMs),
            ("limit", switchover.LimitMs),
        ];
        string text = string.Join(", ", parts.Where(p => p.Value is not null).Select(p => $"{p.Name} {LogWords.Duration(p.Value!.Value)}"));
        return text.Length == 0 ? null : text;
    }

    private static void WriteTimeline(IAnsiConsole console, LoggedMigrationDocument migration, bool whole)
    {
        TimelineDocument[] shown = [.. migration.Timeline.Where(t => whole || !_details.Contains(t.Kind))];
        Grid grid = new Grid().AddColumn(new GridColumn().NoWrap().RightAligned().PadRight(2)).AddColumn(new GridColumn().NoWrap().PadRight(2)).AddColumn();
        foreach (TimelineDocument step in shown)
        {
            grid.AddRow(new Text(step.SinceStartMs is { } since ? LogWords.Duration(since) : step.At), new Text(step.Side ?? ""), new Text(step.What));
        }

        console.Write(grid);
        if (shown.Length < migration.Timeline.Count)
        {
            console.WriteLine($"{Human.Count(migration.Timeline.Count - shown.Length)} lines of detail: --timeline");
        }
    }

    private static void WriteEnd(IAnsiConsole console, LoggedMigrationDocument migration)
    {
        (string word, Color color) = migration.Outcome switch
        {
            "completed" => ("COMPLETED", Color.Green),
            "cancelled" => ("CANCELLED", Color.Yellow),
            "inDoubt" => ("IN DOUBT", Color.Red),
            "failed" => ("FAILED", Color.Red),
            _ => ("UNKNOWN The logs do not show the end.", Color.Yellow),
        };
        console.Write(new Text(word, new Style(color, decoration: Decoration.Bold)));
        console.WriteLine(migration.Failure is { } failure ? $" {failure.Kind}: {failure.Message}" : "");
        if (migration.Failure is { GeneralMessageLogged: true })
        {
            console.WriteLine("  The general failure message was logged, too. It names no cause.");
        }

        foreach (LoggedCauseDocument cause in migration.Failure?.Causes ?? [])
        {
            string status = cause.Status is { } number ? $" ({number})" : "";
            console.WriteLine($"  {cause.At} {cause.Side ?? "?"}: {cause.Kind}: \"{cause.Quote}\"{status}{(cause.IsConsequence ? ", which follows from another failure" : "")}");
        }
    }

    private static Text Cell<T>(T? value, Func<T, string> format)
        where T : struct => new(value is { } known ? format(known) : "");

    private static void Add(Grid grid, string name, string? fact)
    {
        if (!string.IsNullOrEmpty(fact))
        {
            grid.AddRow(new Text(name), new Text(fact));
        }
    }
}
