using System.CommandLine;
using System.Globalization;
using System.Net;
using PageEngine.Cli.Output;
using PageEngine.Ownership;
using PageEngine.Reporting;

namespace PageEngine.Cli.Commands;

// Owns: `demo`: both sides on this machine, in two processes, and the proof that nothing was lost or done twice. The proof
// comes from the destination's own report: only the process that runs the guest can check it.

/// <summary>Moves a guest to a second process and proves it.</summary>
internal static class DemoCommand
{
    // How long the destination may take beyond the run itself: to replay what the guest did, page by page.
    private static readonly TimeSpan _checkLimit = TimeSpan.FromMinutes(10);

    // How long a destination may take to notice that the migration failed.
    private static readonly TimeSpan _failureLimit = TimeSpan.FromSeconds(30);

    /// <summary>Makes the command.</summary>
    public static Command Create(Host host)
    {
        ExampleCommand command = new(
            "demo",
            "Starts a destination process, moves a running guest there over TCP, and proves that nothing was lost or done twice.",
            "pageengine demo",
            "pageengine demo --memory 4GiB --workload uniform@50MiB/s --streams 2",
            "pageengine demo --memory 1GiB --workload uniform@max --bandwidth 1Gbit/s --if-stalled force --json report.json");
        WordOption<TimeSpan> warmup = new(
            "--warmup", "TIME", "How long the guest runs here before it is moved. Default 1s.", TimeSpan.FromSeconds(1), OptionParsers.Duration);
        WordOption<TimeSpan> runFor = new(
            "--run-for", "TIME", "How long the guest runs at the destination before it is checked. Default 1s.", TimeSpan.FromSeconds(1), OptionParsers.Duration);
        Option<bool> reserve = new(ReceiveCommand.Reserve) { Description = "Let the destination take the guest's memory before it listens, as a machine that is kept ready would." };
        command.Options.Add(warmup);
        command.Options.Add(runFor);
        command.Options.Add(reserve);
        CommonOptions common = new(command, verifyByDefault: true);
        command.SetAction((parsed, _) => RunAsync(host, common.Read(parsed), warmup.Read(parsed), runFor.Read(parsed), parsed.GetValue(reserve)));
        return command;
    }

    private static async Task<int> RunAsync(Host host, MigrationSettings settings, TimeSpan warmup, TimeSpan runFor, bool reserve)
    {
        using Interrupts interrupts = new(host, "Cancelling: the guest goes on here. Once more ends the program at once.");
        using CommandRun run = new(host, settings, 'S');
        using ScratchDirectory scratch = ScratchDirectory.Create();

        // Without a directory of the user's the record lives as long as this run, and so do the journals.
        string ownership = settings.OwnershipDirectory ?? scratch.Subdirectory("ownership");
        bool journalsStay = settings.OwnershipDirectory is not null;
        string sourceJournal = journalsStay ? run.State.Journal : scratch.Subdirectory("journal-source");
        string destinationJournal = journalsStay ? run.State.Journal : scratch.Subdirectory("journal-destination");

        using SourceRun source = new(run);
        run.Step("Starting a destination process.");
        using DestinationProcess destination = DestinationProcess.Start(
            DestinationArguments(settings, runFor, reserve, ownership, destinationJournal), Path.Combine(scratch.Path, "destination.json"), host.Error);
        source.Fill();
        IPEndPoint address = await destination.Listening.WaitAsync(interrupts.Token);
        using FileOwnershipStore? store = OwnershipStores.Open(ownership);
        await source.WarmUpAsync(store, warmup, interrupts.Token);
        SourceResult result = await source.MigrateAsync(address, sourceJournal, interrupts.Token);
        return result.Report.Outcome == MigrationOutcome.Completed
            ? await FinishAsync(run, destination, result, runFor)
            : await FailAsync(run, source, destination, scratch, result, interrupts.Token);
    }

    private static async Task<int> FinishAsync(CommandRun run, DestinationProcess destination, SourceResult result, TimeSpan runFor)
    {
        run.Step($"The guest runs at the destination for {Units.FormatDuration(runFor)} and is then checked there.");
        ReportDocument? arrived = await destination.WaitForReportAsync(runFor + _checkLimit);
        if (arrived is null)
        {
            return Lose(run, destination, result);
        }

        ReportDocument merged = ReportMapping.Merge(result.Document, arrived);
        run.Publish(merged);
        return ExitCodes.For(result.Report, ReportMapping.Findings(merged));
    }

    // The guest had moved, and the process that ran it is gone without a word: so is the guest.
    private static int Lose(CommandRun run, DestinationProcess destination, SourceResult result)
    {
        MigrationReport lost = result.Report with
        {
            Outcome = MigrationOutcome.Failed,
            Failure = new MigrationFailure(
                MigrationErrorKind.GuestLost,
                MigrationPhase.Complete,
                DetectedBy.Supervisor,
                $"The guest had moved to the destination, whose process then ended {destination.DescribeEnd()} without a report.",
                GuestWhereabouts.Lost),
        };
        run.Publish(ReportMapping.ToDocument(lost));
        return ExitCodes.For(lost);
    }

    private static async Task<int> FailAsync(
        CommandRun run, SourceRun source, DestinationProcess destination, ScratchDirectory scratch, SourceResult result, CancellationToken cancellationToken)
    {
        source.Publish(result);
        await destination.WaitForReportAsync(_failureLimit);
        int code = await source.EndAsync(result, cancellationToken);
        if (HeldRun.IsHeld(result.Report))
        {
            // What settles it must outlive this run: the record where it is, the journals where they are looked for.
            scratch.Keep();
            foreach (string journal in Directory.GetFiles(scratch.Path, "*.journal", SearchOption.AllDirectories))
            {
                File.Copy(journal, Path.Combine(run.State.Journal, Path.GetFileName(journal)), overwrite: false);
                File.Delete(journal);
            }
        }

        return code;
    }

    private static List<string> DestinationArguments(MigrationSettings settings, TimeSpan runFor, bool reserve, string ownership, string journal)
    {
        List<string> arguments =
        [
            "--listen", "127.0.0.1:0", "--once",
            "--run-for", $"{(long)runFor.TotalMicroseconds}us",
            "--ownership", ownership,
            ReceiveCommand.Journal, journal,
        ];
        (string Name, TimeSpan Time)[] timers =
        [
            ("--start-timeout", settings.StartTimeout), ("--claim-timeout", settings.ClaimTimeout), ("--network-timeout", settings.NetworkTimeout),
        ];
        foreach ((string name, TimeSpan time) in timers)
        {
            arguments.AddRange([name, $"{(long)time.TotalMicroseconds}us"]);
        }

        if (settings.DataListen is { } data)
        {
            arguments.AddRange(["--data-listen", data.ToString()]);
        }

        if (settings.Guard is { } guard)
        {
            arguments.AddRange(["--guard", guard is DnsEndPoint dns ? $"{dns.Host}:{dns.Port}" : guard.ToString()!]);
        }

        if (settings.Log is { } log)
        {
            arguments.AddRange(["--log", log]);
        }

        if (reserve)
        {
            arguments.AddRange([ReceiveCommand.Reserve, "--memory", settings.MemoryBytes.ToString(CultureInfo.InvariantCulture)]);
        }

        arguments.AddRange(settings.Tls?.Arguments ?? []);
        (string Name, bool Given)[] flags =
        [
            ("--plaintext", settings.Plaintext), ("--verbose", settings.Verbose), ("--debug", settings.Debug),
        ];
        arguments.AddRange(flags.Where(f => f.Given).Select(f => f.Name));
        return arguments;
    }
}
