using System.CommandLine;
using System.Net;
using PageEngine.Ownership;
using PageEngine.Reporting;

namespace PageEngine.Cli.Commands;

// Owns: `send`: the source as a program of its own.

/// <summary>Runs a guest and moves it to a destination.</summary>
internal static class SendCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Host host)
    {
        ExampleCommand command = new(
            "send",
            "Source: runs a self-verifying guest here, moves it while it runs, and exits when the destination runs it.",
            "pageengine send --to 127.0.0.1:4444",
            "pageengine send --to 192.0.2.7:4444 --plaintext --ownership /mnt/shared/ownership",
            "pageengine send --to 192.0.2.7:4444 --plaintext --memory 4GiB --workload uniform@50MiB/s --streams 2 --json report.json");
        WordOption<EndPoint?> to = new("--to", "HOST:PORT", "Where the destination listens.", null, OptionParsers.PeerAddress) { Required = true };
        WordOption<TimeSpan> warmup = new(
            "--warmup", "TIME", "How long the guest runs here before it is moved. Default 2s.", TimeSpan.FromSeconds(2), OptionParsers.Duration);
        command.Options.Add(to);
        command.Options.Add(warmup);
        CommonOptions common = new(command);
        command.SetAction((parsed, _) => RunAsync(host, common.Read(parsed), to.Read(parsed)!, warmup.Read(parsed)));
        return command;
    }

    private static async Task<int> RunAsync(Host host, MigrationSettings settings, EndPoint to, TimeSpan warmup)
    {
        using Interrupts interrupts = new(host, "Cancelling: the guest goes on here. Once more ends the program at once.");
        using CommandRun run = new(host, settings, 'S');
        using FileOwnershipStore? store = OwnershipStores.Open(settings.OwnershipDirectory);
        await using (StartRecovery recovery = new(run, MigrationRole.Source))
        {
            await recovery.AtStartAsync();
        }

        using SourceRun source = new(run);
        if (store is null)
        {
            // After the run has its id, so that the log line carries it.
            run.Warn(OwnershipStores.None);
        }

        source.Fill();
        await source.WarmUpAsync(store, warmup, interrupts.Token);
        SourceResult result = await source.MigrateAsync(to, run.State.Journal, interrupts.Token);
        source.Publish(result);
        return await source.EndAsync(result, interrupts.Token);
    }
}
