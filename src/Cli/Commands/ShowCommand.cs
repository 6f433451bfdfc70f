using System.CommandLine;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using PageEngine.Cli.History;
using PageEngine.Cli.Output;
using PageEngine.Recovery;
using Spectre.Console;

namespace PageEngine.Cli.Commands;

// Owns: `show`: everything this host knows about one migration.

/// <summary>Shows a migration's report.</summary>
internal static class ShowCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Host host)
    {
        Argument<ulong> id = IdArgument();
        Option<string?> role = RoleOption("Which side's report, when both ran on this host. Default: the source's.");
        Option<string?> json = CommonOptions.Json();
        ExampleCommand command = new(
            "show",
            "Shows the full report of one migration.",
            "pageengine show 1451061663105920",
            "pageengine show 1451061663105920 --role destination",
            "pageengine show 1451061663105920 --json -")
        {
            id, role, json,
        };
        command.SetAction((parsed, _) => RunAsync(host, parsed.GetValue(id), parsed.GetValue(role), parsed.GetValue(json)));
        return command;
    }

    /// <summary>Makes the argument that names a migration.</summary>
    public static Argument<ulong> IdArgument() => new("id")
    {
        Description = "The migration's id, as `pageengine list` shows it.",
        HelpName = "ID",
        CustomParser = result =>
        {
            (ulong? value, string? error) = OptionParsers.MigrationId(result.Tokens[0].Value);
            if (error is not null)
            {
                result.AddError($"'{result.Tokens[0].Value}' {error}.");
            }

            return value ?? 0;
        },
    };

    /// <summary>Makes the option that names a side.</summary>
    public static Option<string?> RoleOption(string description)
    {
        Option<string?> role = new("--role") { Description = description, HelpName = "source|destination" };
        role.AcceptOnlyFromAmong("source", "destination");
        return role;
    }

    private static async Task<int> RunAsync(Host host, ulong id, string? role, string? json)
    {
        StateDirectory directory = StateDirectory.Choose(host.Variable, host.IsRoot);
        Recoverer recoverer = new(host.Time, directory, NullLogger.Instance, host.Error.WriteLine);
        HistoryEntry[] found = [.. OpenMigrations.Merge(new MigrationHistory(directory).List(), OpenMigrations.Find(recoverer, host)).Where(e => e.MigrationId == id).Where(e => role is null || e.Role == role)];
        HistoryEntry entry = found.FirstOrDefault(e => e.Role == "source") ?? found.FirstOrDefault()
            ?? throw new UsageException(
                $"There is no migration {id.ToString(CultureInfo.InvariantCulture)}{(role is null ? "" : $" with role {role}")} in {directory.Root}. `pageengine list` shows those that there are.");
        if (json is not null)
        {
            WriteJson(host, json, entry);
            return ExitCodes.Done;
        }

        IAnsiConsole console = Terminal.ForResults(host);
        if (entry.Report is { } report)
        {
            TerminalReport.Write(console, report);
        }
        else
        {
            WriteUnfinished(host.Out, entry);
        }

        if (entry.Open is { } open)
        {
            await WriteOpenAsync(host.Out, recoverer, open);
        }

        if (found.Length > 1)
        {
            host.Out.WriteLine($"The other side ran here too: pageengine show {id.ToString(CultureInfo.InvariantCulture)} --role {found.First(e => e != entry).Role}");
        }

        return ExitCodes.Done;
    }

    private static async Task WriteOpenAsync(TextWriter output, Recoverer recoverer, OpenAttempt open)
    {
        RecoveryOutlook outlook = await recoverer.LookAsync(open, ownershipDirectory: null);
        string id = open.MigrationId.ToString(CultureInfo.InvariantCulture);
        output.WriteLine($"It is not settled on this side ({open.JournalPath}).");
        output.WriteLine($"  here:     {outlook.Journal}");
        if (outlook.Record.Length > 0)
        {
            output.WriteLine($"  record:   {outlook.Record}");
        }

        output.WriteLine($"  resolve:  {outlook.Next}");
        if (!open.ProcessIsAlive)
        {
            output.WriteLine($"Settle it: pageengine resolve {id} --role {HeldGuests.RoleOf(open)}");
        }
    }

    private static void WriteJson(Host host, string json, HistoryEntry entry)
    {
        if (entry.Report is { } report)
        {
            JsonOutput.Write(host, json, report, JsonContext.Documents.ReportDocument);
        }
        else
        {
            JsonOutput.Write(host, json, entry, JsonContext.Documents.HistoryEntry);
        }
    }

    private static void WriteUnfinished(TextWriter output, HistoryEntry entry)
    {
        output.WriteLine($"Migration {entry.MigrationId.ToString(CultureInfo.InvariantCulture)} ({entry.Role}) of guest {entry.GuestId}");
        output.WriteLine($"{Units.FormatBytes(entry.MemoryBytes)} of memory, peer {entry.Peer}, begun {entry.StartedAt.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)} UTC");
        string process = entry.ProcessId?.ToString(CultureInfo.InvariantCulture) ?? "";
        output.WriteLine(entry.Outcome == HistoryEntry.Running
            ? $"It is running in process {process}."
            : $"It was interrupted: process {process} ended before the migration did, without a report.");
    }
}
