using System.Globalization;
using Spectre.Console;

namespace PageEngine.Cli.Output;

// Owns: the report that a person reads at a glance: verdict last, because that is where the eye is.

/// <summary>Draws report documents.</summary>
internal static class TerminalReport
{
    private static readonly (string Name, Func<PartsDocument, double> Part)[] _fixedParts =
    [
        ("pause the guest", p => p.Pause),
        ("last collect", p => p.Harvest),
        ("save device state", p => p.StateSave),
        ("transfer device state", p => p.StateTransfer),
        ("restore", p => p.Restore),
        ("commit", p => p.Commit),
        ("resume", p => p.Resume),
    ];

    /// <summary>Draws a whole report.</summary>
    public static void Write(IAnsiConsole console, ReportDocument report)
    {
        WriteHeading(console, report);
        if (report.Rounds.Count > 0)
        {
            WriteRounds(console, report.Rounds);
        }

        if (report.Switchover is { } switchover)
        {
            WriteSwitchover(console, switchover);
        }

        WriteFacts(console, report);
        WriteVerdict(console, report);
    }

    private static void WriteHeading(IAnsiConsole console, ReportDocument report)
    {
        string tracer = report.Tracer is null ? "" : $", {report.Tracer} tracer";
        console.WriteLine();
        console.MarkupLineInterpolated(
            $"[bold]Migration {report.MigrationId.ToString(CultureInfo.InvariantCulture)}[/] ({report.Role}) of guest {report.Guest.Id}");
        console.MarkupLineInterpolated(
            $"{Units.FormatBytes(report.MemoryBytes)} of memory, {report.Streams} {(report.Streams == 1 ? "stream" : "streams")}{tracer}, peer {report.Peer}");
        console.WriteLine();
    }

    private static void WriteRounds(IAnsiConsole console, IReadOnlyList<RoundDocument> rounds)
    {
        Table table = NewTable("round", "pages", "sent", "zero", "on the wire", "time", "transmit", "dirtied at", "t2d");
        foreach (RoundDocument round in rounds)
        {
            table.AddRow(
                new Text(round.Index.ToString(CultureInfo.InvariantCulture)),
                new Text(Human.Count(round.DirtyPages)),
                new Text(Human.Count(round.SentPages)),
                new Text(Human.Count(round.ZeroPages)),
                new Text(Units.FormatBytes(round.WireBytes)),
                new Text(Human.Milliseconds(round.DurationMs)),
                new Text(Units.FormatBytesPerSecond(round.TransmitBytesPerSecond)),
                new Text(Units.FormatBytesPerSecond(round.DirtyBytesPerSecond)),
                new Text(Human.Percent(round.T2dPercent)));
        }

        console.Write(table);
    }

    private static void WriteSwitchover(IAnsiConsole console, SwitchoverDocument switchover)
    {
        Table table = NewTable("switchover", "predicted", "actual", "of it");
        table.Columns[0].LeftAligned();
        table.Columns[3].LeftAligned();
        double fixedActual = _fixedParts.Sum(p => p.Part(switchover.PartsMs));
        AddPart(table, $"send {Human.Count(switchover.RemainingPages)} pages", switchover.PredictedPartsMs.Pages, switchover.PartsMs.Pages);
        AddPart(table, "everything else", switchover.PredictedPartsMs.Fixed, fixedActual);
        foreach ((string name, Func<PartsDocument, double> part) in _fixedParts)
        {
            table.AddRow(new Text("  " + name), new Text(""), new Text(""), new Text(Human.Milliseconds(part(switchover.PartsMs))));
        }

        table.AddRow(
            new Text("blackout", _strong),
            new Text(Human.Milliseconds(switchover.PredictedMs), _strong),
            new Text(Human.Milliseconds(switchover.ActualMs), _strong),
            new Text(switchover.ActualMs <= switchover.GoalMs
                ? $"within the goal of {Human.Milliseconds(switchover.GoalMs)}"
                : $"over the goal of {Human.Milliseconds(switchover.GoalMs)}"));
        console.Write(table);
    }

    private static void AddPart(Table table, string name, double? predicted, double actual) => table.AddRow(
        new Text(name), new Text(Human.Milliseconds(predicted)), new Text(Human.Milliseconds(actual)), new Text(""));

    private static void WriteFacts(IAnsiConsole console, ReportDocument report)
    {
        Grid grid = new Grid().AddColumn(new GridColumn().NoWrap().PadRight(2)).AddColumn();
        string throughput = report.ThroughputBytesPerSecond is { } rate ? $" at {Units.FormatBytesPerSecond(rate)}" : "";
        AddFact(grid, "total", $"{Human.Milliseconds(report.TotalMs)}, {Units.FormatBytes(report.WireBytes)} on the wire{throughput}");
        if (report.Encoding is { SavedBytes: > 0 } encoding)
        {
            AddFact(grid, "encoding", $"saved {Units.FormatBytes(encoding.SavedBytes)} for {Human.Milliseconds(encoding.EncodingMs)} of the sending threads' time{Encoded(encoding)}");
        }

        if (report.CpuSeconds is { Source: not null } or { Destination: not null })
        {
            AddFact(grid, "processor", $"source {Cpu(report.CpuSeconds.Source)}, destination {Cpu(report.CpuSeconds.Destination)}, {(report.CpuSeconds.GuestIncluded ? "guest included" : "without the guest's own processes")}");
        }

        if (report.Verified.Memory is { } memory)
        {
            string compared = report.Verified.PagesCompared is { } pages ? $", {Human.Count(pages)} pages compared" : "";
            string different = report.Verified.PagesDifferent is > 0 and long wrong ? $", {Human.Count(wrong)} differ" : "";
            AddFact(grid, "memory", memory + compared + different);
        }

        if (report.Verified.Guest is { } guest)
        {
            string problem = report.Verified.GuestProblem is { } text ? $": {text}" : "";
            string operations = report.Guest.Operations is { } count ? $", {Human.Count(count)} operations" : "";
            AddFact(
                grid,
                "guest",
                $"{guest}{problem}{operations}, {Human.Count(report.Verified.LostOperations ?? 0)} lost, {Human.Count(report.Verified.RepeatedOperations ?? 0)} repeated");
        }

        if (report.Guest.LongestStallMs is { } stall)
        {
            string switchover = report.Guest.SwitchoverStallMs is { } moved ? $"{Human.Milliseconds(moved)} at the switchover, " : "";
            AddFact(grid, "the guest saw", $"{switchover}longest stall {(switchover.Length > 0 ? "otherwise " : "")}{Human.Milliseconds(stall)}");
        }

        console.Write(grid);
        console.WriteLine();
    }

    private static string Encoded(EncodingDocument encoding)
    {
        (string Name, long Pages)[] forms =
        [
            ("unchanged", encoding.UnchangedPages), ("as a difference", encoding.DeltaPages), ("LZ4", encoding.Lz4Pages), ("zstd", encoding.ZstdPages),
        ];
        return string.Concat(forms.Where(f => f.Pages > 0).Select(f => $", {Human.Count(f.Pages)} pages {f.Name}"));
    }

    private static void WriteVerdict(IAnsiConsole console, ReportDocument report)
    {
        (string mark, Style style, string sentence) = Verdict(report);
        console.Write(new Text(mark + " ", style));
        console.Write(new Text(sentence, style));
        console.WriteLine();
    }

    /// <summary>Says in one sentence how it ended.</summary>
    internal static (string Mark, Style Style, string Sentence) Verdict(ReportDocument report)
    {
        VerifiedDocument verified = report.Verified;
        if (report.Outcome == "completed"
            && (verified.Memory == "different" || verified.Guest == "inconsistent" || verified.LostOperations > 0 || verified.RepeatedOperations > 0))
        {
            return ("DAMAGED", _bad, "The guest moved, but verification failed: do not trust this copy. Keep this report and the log of both sides.");
        }

        if (report.Outcome == "completed")
        {
            string blackout = report.Switchover is { } switchover ? $" with a blackout of {Human.Milliseconds(switchover.ActualMs)}" : "";
            string proof = verified.Memory == "identical" && verified.Guest == "consistent"
                ? ": memory identical, nothing lost, nothing done twice"
                : verified.Memory == "identical" ? ": memory identical"
                : verified.Guest == "consistent" ? ": nothing lost, nothing done twice" : "";
            string where = report.Role == "destination" ? "runs here" : "runs at the destination";
            return ("OK", _good, $"The guest {where} after {Human.Milliseconds(report.TotalMs)}{blackout}{proof}.");
        }

        string advice = report.Failure?.WhatToDo is { } next ? $"{Environment.NewLine}  What to do: {next}" : "";
        string reason = report.Failure?.Message is { } message ? $" {message}{advice}" : "";
        return report switch
        {
            { Failure.Guest: "lost" } => ("LOST", _bad, $"The guest is lost: no complete copy survived.{reason}"),
            { Outcome: "cancelled" } => ("CANCELLED", _warning, $"The guest runs on at the source.{reason}"),
            { Outcome: "inDoubt" } => ("IN DOUBT", _bad, $"The outcome is not known here: the guest is held.{reason}"),
            { Failure.Guest: "held" } => ("HELD", _bad, $"The migration failed and the guest is held.{reason}"),
            { Outcome: "interrupted" } => ("INTERRUPTED", _bad, "The program ended before the migration did."),
            { Failure.Guest: "running" } => ("FAILED", _bad, $"The migration failed; the guest runs on at the source.{reason}"),
            { Failure.Guest: "runningAtDestination" } => ("FAILED", _bad, $"The guest runs at the destination, but not everything worked.{reason}"),
            _ => ("FAILED", _bad, $"The migration failed.{reason}"),
        };
    }

    private static readonly Style _good = new(Color.Green, decoration: Decoration.Bold);

    private static readonly Style _bad = new(Color.Red, decoration: Decoration.Bold);

    private static readonly Style _warning = new(Color.Yellow, decoration: Decoration.Bold);

    private static readonly Style _strong = new(decoration: Decoration.Bold);

    private static string Cpu(double? seconds) => seconds is { } value ? Human.Milliseconds(value * 1000) : "unknown";

    private static void AddFact(Grid grid, string name, string fact) => grid.AddRow(new Text(name), new Text(fact));

    /// <summary>Makes a table whose columns are right-aligned numbers.</summary>
    internal static Table NewTable(params ReadOnlySpan<string> columns)
    {
        Table table = new Table().Border(TableBorder.Simple).BorderStyle(new Style(decoration: Decoration.Dim));
        foreach (string column in columns)
        {
            table.AddColumn(new TableColumn(new Text(column)).RightAligned().NoWrap());
        }

        return table;
    }
}
