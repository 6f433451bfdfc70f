using System.CommandLine;
using System.Globalization;
using PageEngine.Cli.Commands;
using PageEngine.Cli.Output;

namespace PageEngine.Cli.LogAnalysis;

// Owns: `logs analyze`: its options, its exit codes, and reading on while the files grow.

/// <summary>Reads logs.</summary>
internal static class LogsCommand
{
    private static readonly TimeSpan _look = TimeSpan.FromMilliseconds(200);

    /// <summary>Makes the command.</summary>
    public static ExampleCommand Create(Host host) => new(
        "logs",
        "Reads logs of migrations.",
        "pageengine logs analyze vmkernel.log vmware.log")
    {
        CreateAnalyze(host),
    };

    private static ExampleCommand CreateAnalyze(Host host)
    {
        Argument<string[]> files = new("FILE")
        {
            Description = "Logs of one host or of both: the kernel's (vmkernel), the guest's own (vmware), the control plane's (hostd), this program's. In any order, rotated and compressed ones too; - is stdin.",
            Arity = ArgumentArity.OneOrMore,
        };
        Option<string?> json = CommonOptions.Json();
        Option<bool> follow = new("--follow") { Description = "Go on while the files grow, and show each recognised line as it comes, until Ctrl-C." };
        Option<bool> full = new("--timeline") { Description = "Show every recognised line in the timeline, not only the steps." };
        Option<ulong?> id = new("--id") { Description = "Look at one migration alone.", HelpName = "N" };
        ExampleCommand command = new(
            "analyze",
            "Shows each migration in logs: rounds, rates, switchover, end, and why it failed. Exit code 5: no line of the files is of a known format.",
            "pageengine logs analyze source/vmkernel.log destination/vmkernel.log",
            "pageengine logs analyze vmkernel.log vmkernel.0.gz vmware.log hostd.log --json report.json",
            "pageengine logs analyze source.log destination.log --id 1451061663105920 --timeline",
            "pageengine logs analyze --follow /var/log/vmkernel.log")
        {
            files, json, follow, full, id,
        };
        command.SetAction((parsed, cancellationToken) => RunAsync(
            host, parsed.GetValue(files)!, parsed.GetValue(id), parsed.GetValue(json), parsed.GetValue(follow), parsed.GetValue(full), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(
        Host host, string[] files, ulong? id, string? json, bool follow, bool full, CancellationToken cancellationToken)
    {
        using LogAnalyzer analyzer = new(files, id);
        analyzer.Read(isWhole: !follow, cancellationToken);
        bool owned = json == JsonOutput.ToStdout;
        Host people = owned ? host with { Out = host.Error, OutIsTerminal = host.ErrorIsTerminal } : host;
        if (follow)
        {
            using Interrupts interrupts = new(host, "That was it.");
            using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(interrupts.Token, cancellationToken);
            await FollowAsync(analyzer, people, stop.Token);
            analyzer.Read(isWhole: true, CancellationToken.None);
        }

        LogAnalysisDocument document = analyzer.ToDocument();
        if (json is not null)
        {
            WriteJson(host, json, document);
        }

        if (!owned)
        {
            LogReport.Write(Terminal.ForResults(people), document, full);
            people.Out.Flush();
        }

        if (!analyzer.IsKnown)
        {
            host.Error.WriteLine("error: no line of these files is one that a migration writes. Give the kernel's log, the guest's own log or the control plane's log of a host, or a file of --log.");
            return ExitCodes.DataDamaged;
        }

        return ExitCodes.Done;
    }

    private static void WriteJson(Host host, string json, LogAnalysisDocument document)
    {
        try
        {
            JsonOutput.Write(host, json, document, JsonContext.Documents.LogAnalysisDocument);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"--json: '{json}' cannot be written: {exception.Message}");
        }
    }

    private static async Task FollowAsync(LogAnalyzer analyzer, Host people, CancellationToken stop)
    {
        // What was there already comes as the whole report at the end; a person who follows sees what is new.
        foreach (LoggedMigrationDocument running in analyzer.ToDocument().Migrations.Where(m => m.Outcome == "unknown"))
        {
            people.Out.WriteLine($"{Id(running.MigrationId)} is under way since {running.StartedAt ?? "an unknown time"}");
        }

        people.Out.Flush();
        using PeriodicTimer timer = new(_look, people.Time);
        try
        {
            do
            {
                analyzer.ReadOn(
                    (trace, found) => people.Out.WriteLine($"{found.Stamp}  {Id(trace.Id)}  {LogWords.Side(found.Side) ?? "?"}: {LogWords.Of(found)}"),
                    stop);
                people.Out.Flush();
            }
            while (await timer.WaitForNextTickAsync(stop));
        }
        catch (OperationCanceledException)
        {
            // That is how following ends.
        }
    }

    private static string Id(ulong? id) => id?.ToString(CultureInfo.InvariantCulture) ?? "(no id)";
}
