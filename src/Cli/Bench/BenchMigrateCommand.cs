using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using PageEngine.Cli.Commands;
using PageEngine.Cli.Output;
using PageEngine.EmbeddedGuest;
using Spectre.Console;

namespace PageEngine.Cli.Bench;

// Owns: `bench migrate`: whole migrations, again and again. Each is a new process on this side, because the first migration of a
// process is the one that users have.

internal static class BenchMigrateCommand
{
    private static readonly string[] _usual = ["idle", "hot:64MiB@200MiB/s", "uniform@50MiB/s"];

    /// <summary>Makes the command.</summary>
    public static ExampleCommand Create(Host host)
    {
        WordOption<IPEndPoint?> listen = new("--listen", "HOST:PORT", "Take the guests here.", null, OptionParsers.ListenAddress);
        WordOption<EndPoint?> to = new("--to", "HOST:PORT", "Send guests there. Neither: both sides on this machine.", null, OptionParsers.PeerAddress);
        WordOption<int> runs = new("--runs", "N", "How often each workload is moved. Default 5.", 5, OptionParsers.Integer(1, 1000));
        WordOption<long> memory = new("--memory", "SIZE", "The guest's memory. Default 1GiB.", 1L << 30, OptionParsers.Size);
        Option<string[]> workload = new("--workload")
        {
            Description = "What the guest writes, as for demo; each one is a case. Default idle, hot:64MiB@200MiB/s and uniform@50MiB/s.",
            HelpName = "SPEC",
            Arity = ArgumentArity.OneOrMore,
            AllowMultipleArgumentsPerToken = false,
        };
        WordOption<int> streams = new("--streams", "N", "Page streams; 0 is automatic. Default 0.", 0, OptionParsers.Integer(0, 64));
        Option<string?> bandwidth = new("--bandwidth") { Description = "A bandwidth cap, as for demo.", HelpName = "RATE" };
        Option<string?> ownership = new("--ownership") { Description = "The ownership store, as for send.", HelpName = "DIR" };
        Option<bool> plaintext = new("--plaintext") { Description = "Allow unencrypted connections beyond this machine." };
        Option<string?> json = CommonOptions.Json();
        Option<string?> html = new("--html") { Description = "Write a page with charts for a browser, complete in one file.", HelpName = "FILE" };
        ExampleCommand command = new(
            "migrate",
            "Moves guests again and again and says how long that takes and how long they stand still.",
            "pageengine bench migrate --runs 5",
            "pageengine bench migrate --listen 0.0.0.0:4444 --plaintext                        (on the destination)",
            "pageengine bench migrate --to 192.0.2.7:4444 --memory 4GiB --plaintext --html migrate.html   (on the source)")
        {
            listen, to, runs, memory, workload, streams, bandwidth, ownership, plaintext, json, html,
        };
        TlsOptions tls = new(command);
        workload.Validators.Add(result =>
        {
            foreach (string word in result.Tokens.Select(t => t.Value))
            {
                try
                {
                    WorkloadSpec.Parse(word);
                }
                catch (FormatException exception)
                {
                    result.AddError($"--workload: {exception.Message}");
                }
            }
        });
        command.Validators.Add(result =>
        {
            if (result.GetResult(listen) is not null && result.GetResult(to) is not null)
            {
                result.AddError("--listen and --to are the two sides of a measurement: give one of them.");
            }
        });
        command.SetAction((parsed, _) =>
        {
            TlsFiles? files = tls.Read(parsed);
            string[] connection = [.. files?.Arguments ?? [], .. parsed.GetValue(plaintext) ? ["--plaintext"] : Array.Empty<string>(), .. parsed.GetValue(ownership) is { } store ? ["--ownership", store] : Array.Empty<string>()];
            if (listen.Read(parsed) is { } here)
            {
                return CommandLine.RunAsync(["receive", "--listen", here.ToString(), "--run-for", "500ms", .. connection], host);
            }

            string[] common =
            [
                "--memory", Units.FormatBytesExact(memory.Read(parsed)), "--streams", streams.Read(parsed).ToString(CultureInfo.InvariantCulture),
                .. parsed.GetValue(bandwidth) is { } cap ? ["--bandwidth", cap] : Array.Empty<string>(), .. connection,
            ];
            EndPoint? there = to.Read(parsed);
            string[] command = there is null
                ? ["demo", "--run-for", "200ms", "--verify", "false", .. common]
                : ["send", "--to", there is DnsEndPoint dns ? $"{dns.Host}:{dns.Port.ToString(CultureInfo.InvariantCulture)}" : there.ToString()!, .. common];
            string[] workloads = parsed.GetValue(workload) is { Length: > 0 } given ? given : _usual;
            return RunAsync(host, command, workloads, runs.Read(parsed), memory.Read(parsed), there?.ToString() ?? "this machine", parsed.GetValue(json), parsed.GetValue(html));
        });
        return command;
    }

    private static async Task<int> RunAsync(Host host, string[] command, string[] workloads, int runs, long memoryBytes, string destination, string? json, string? html)
    {
        using Interrupts interrupts = new(host, "Ending after what was measured so far.");
        using ScratchDirectory scratch = ScratchDirectory.Create();
        string report = Path.Combine(scratch.Path, "report.json");
        List<MigrationCaseDocument> cases = [];
        foreach (string workload in workloads)
        {
            List<ReportDocument> reports = [];
            List<string> failures = [];
            for (int run = 1; run <= runs && !interrupts.Token.IsCancellationRequested; run++)
            {
                (ReportDocument? done, string last) = await OnceAsync([.. command, "--workload", workload, "--json", report], report, interrupts.Token);
                if (done is not null)
                {
                    reports.Add(done);
                }
                else if (!interrupts.Token.IsCancellationRequested)
                {
                    failures.Add(last);
                }

                host.Error.WriteLine($"{workload} {run.ToString(CultureInfo.InvariantCulture)}/{runs.ToString(CultureInfo.InvariantCulture)}: " + (done?.Switchover is { } moved
                    ? $"{Human.Milliseconds(done.TotalMs)}, blackout {Human.Milliseconds(moved.ActualMs)}"
                    : done?.Failure?.Message ?? last));
            }

            cases.Add(MigrationCaseDocument.From(workload, reports, failures));
        }

        MigrationBenchDocument document = new() { Source = BenchHost.This(host.Time, null), Destination = destination, MemoryBytes = memoryBytes, Cases = cases };
        if (json is not null)
        {
            JsonOutput.Write(host, json, document, JsonContext.Documents.MigrationBenchDocument);
        }

        if (html is not null)
        {
            JsonOutput.WriteFile(html, MigrationPage.Write(document));
        }

        if (json != JsonOutput.ToStdout)
        {
            Draw(Terminal.ForResults(host), document);
        }

        return interrupts.Token.IsCancellationRequested ? ExitCodes.Cancelled : cases.All(c => c.Completed == c.Runs) ? ExitCodes.Done : ExitCodes.Failed;
    }

    private static async Task<(ReportDocument? Report, string LastLine)> OnceAsync(string[] arguments, string report, CancellationToken cancellationToken)
    {
        File.Delete(report);
        using Process process = ThisProgram.Start(arguments);
        string last = "It ended without a report.";
        Task output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        process.ErrorDataReceived += (_, line) => last = line.Data ?? last;
        process.BeginErrorReadLine();
        try
        {
            await process.WaitForExitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
        }

        await output;
        try
        {
            return (JsonSerializer.Deserialize(await File.ReadAllTextAsync(report, CancellationToken.None), JsonContext.Documents.ReportDocument), last);
        }
        catch (Exception exception) when (exception is IOException or JsonException)
        {
            return (null, last);
        }
    }

    private static void Draw(IAnsiConsole console, MigrationBenchDocument bench)
    {
        Table table = TerminalReport.NewTable("workload", "moved", "total", "blackout", "predicted : actual", "rounds", "throughput");
        table.Columns[0].LeftAligned();
        foreach (MigrationCaseDocument c in bench.Cases)
        {
            table.AddRow(
                new Text(c.Workload),
                new Text($"{c.Completed.ToString(CultureInfo.InvariantCulture)} of {c.Runs.ToString(CultureInfo.InvariantCulture)}"),
                new Text(MigrationPage.Words(c.TotalMs, Human.Milliseconds)),
                new Text(MigrationPage.Words(c.BlackoutMs, Human.Milliseconds)),
                new Text(MigrationPage.Words(c.PredictedToActual, v => v.ToString("0.00", CultureInfo.InvariantCulture))),
                new Text(MigrationPage.Words(c.Rounds, v => v.ToString("0", CultureInfo.InvariantCulture))),
                new Text(MigrationPage.Words(c.ThroughputBytesPerSecond, Units.FormatBytesPerSecond)));
        }

        console.Write(table);
        console.WriteLine($"Minimum / median / maximum, each run by new processes. {bench.Source.Name}, {bench.Source.Processors.ToString(CultureInfo.InvariantCulture)} processors, {bench.Source.System}, {bench.Source.Runtime}, to {bench.Destination}.");
        foreach (string failure in bench.Cases.SelectMany(c => c.Failures).Distinct())
        {
            console.WriteLine($"not moved: {failure}");
        }
    }
}
