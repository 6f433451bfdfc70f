using System.CommandLine;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using PageEngine.Cli.History;
using PageEngine.Cli.Output;
using Spectre.Console;

namespace PageEngine.Cli.Commands;

// Owns: `list`: the migrations of this host, newest first.

/// <summary>Lists migrations.</summary>
internal static class ListCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Host host)
    {
        Argument<string?> list = new("list")
        {
            Description = "active: running now. history: ended. failed: ended badly, or in doubt. Default: all.",
            Arity = ArgumentArity.ZeroOrOne,
            HelpName = "active|history|failed",
        };
        list.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var word }, ..] && word is not ("active" or "history" or "failed"))
            {
                result.AddError($"'{word}' is no list: there are active, history and failed.");
            }
        });
        Option<string?> json = CommonOptions.Json();
        ExampleCommand command = new(
            "list",
            "Lists the migrations of this host, with statistics.",
            "pageengine list",
            "pageengine list failed",
            "pageengine list active --json -")
        {
            list, json,
        };
        command.SetAction(parsed => Run(host, parsed.GetValue(list), parsed.GetValue(json)));
        return command;
    }

    private static int Run(Host host, string? list, string? json)
    {
        StateDirectory directory = StateDirectory.Choose(host.Variable, host.IsRoot);
        Recoverer recoverer = new(host.Time, directory, NullLogger.Instance, host.Error.WriteLine);
        HistoryEntry[] entries = [.. OpenMigrations.Merge(new MigrationHistory(directory).List(), OpenMigrations.Find(recoverer, host)).Where(e => e.BelongsTo(list))];
        if (json is not null)
        {
            JsonOutput.Write(host, json, new MigrationListDocument { Migrations = entries }, JsonContext.Documents.MigrationListDocument);
            return ExitCodes.Done;
        }

        if (entries.Length == 0)
        {
            host.Out.WriteLine($"No {(list is null ? "" : list == "history" ? "ended " : list + " ")}migrations in {directory.Root}.");
            return ExitCodes.Done;
        }

        Terminal.ForResults(host).Write(Draw(entries));
        if (entries.FirstOrDefault(e => e.InDoubt) is { } inDoubt)
        {
            string id = inDoubt.MigrationId.ToString(CultureInfo.InvariantCulture);
            host.Out.WriteLine($"{entries.Count(e => e.InDoubt)} in doubt. What is known: pageengine show {id}   Settle it: pageengine resolve {id}");
        }

        return ExitCodes.Done;
    }

    private static Table Draw(IEnumerable<HistoryEntry> entries)
    {
        Table table = TerminalReport.NewTable("id", "when (UTC)", "role", "guest", "outcome", "size", "total", "blackout");
        foreach (int column in (ReadOnlySpan<int>)[1, 2, 3, 4])
        {
            table.Columns[column].LeftAligned();
        }

        foreach (HistoryEntry entry in entries)
        {
            table.AddRow(
                new Text(entry.MigrationId.ToString(CultureInfo.InvariantCulture)),
                new Text(entry.StartedAt.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)),
                new Text(entry.Role),
                new Text(entry.GuestId[..Math.Min(8, entry.GuestId.Length)]),
                new Text(Outcome(entry), Style(entry)),
                new Text(Units.FormatBytes(entry.MemoryBytes)),
                new Text(entry.TotalMs is { } total ? Human.Milliseconds(total) : ""),
                new Text(entry.BlackoutMs is { } blackout ? Human.Milliseconds(blackout) : ""));
        }

        return table;
    }

    private static string Outcome(HistoryEntry entry) => entry switch
    {
        { InDoubt: true, Outcome: "inDoubt" } => "IN DOUBT",
        { InDoubt: true } => $"IN DOUBT ({entry.Outcome})",
        { FailureKind: { } kind } when kind != entry.Outcome => $"{entry.Outcome}: {kind}",
        { Outcome: HistoryEntry.Running } => $"running (process {entry.ProcessId?.ToString(CultureInfo.InvariantCulture)})",
        _ => entry.Outcome,
    };

    private static Style Style(HistoryEntry entry) => entry switch
    {
        { InDoubt: true } => new Style(Color.Red, decoration: Decoration.Bold),
        { Outcome: "completed" } => new Style(Color.Green),
        { Outcome: HistoryEntry.Running } => new Style(Color.Blue),
        { Outcome: "cancelled" } => new Style(Color.Yellow),
        _ => new Style(Color.Red),
    };
}
