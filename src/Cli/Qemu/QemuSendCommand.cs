using System.CommandLine;
using System.Net;
using PageEngine.Cli.Commands;
using PageEngine.Ownership;
using PageEngine.Reporting;

namespace PageEngine.Cli.Qemu;

// Owns: `qemu send`: its options. What it does is QemuSourceRun's.

/// <summary>Moves a running QEMU machine away.</summary>
internal static class QemuSendCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Host host)
    {
        ExampleCommand command = new(
            "send",
            "Source: moves the running machine of a QEMU to a destination. Its QEMU is quit when the destination runs it.",
            "pageengine qemu send --qmp /run/vm/source.qmp --to 127.0.0.1:4444",
            "pageengine qemu send --qmp /run/vm/source.qmp --to 192.0.2.7:4444 --plaintext --ownership /mnt/shared/ownership");
        Option<string> qmp = QemuCommand.Qmp();
        WordOption<int?> pid = QemuCommand.ProcessId();
        WordOption<EndPoint?> to = new("--to", "HOST:PORT", "Where the destination listens.", null, OptionParsers.PeerAddress) { Required = true };
        command.Options.Add(qmp);
        command.Options.Add(to);
        command.Options.Add(pid);
        CommonOptions common = new(command, ownGuest: false);
        command.SetAction((parsed, _) => RunAsync(host, common.Read(parsed), parsed.GetValue(qmp)!, pid.Read(parsed), to.Read(parsed)!));
        return command;
    }

    private static async Task<int> RunAsync(Host host, MigrationSettings settings, string qmp, int? pid, EndPoint to)
    {
        using Interrupts interrupts = new(host, "Cancelling: the guest goes on here. Once more ends the program at once.");
        using CommandRun run = new(host, settings, 'S');
        using FileOwnershipStore? store = OwnershipStores.Open(settings.OwnershipDirectory);
        await using (StartRecovery recovery = new(run, MigrationRole.Source))
        {
            await recovery.AtStartAsync();
        }

        if (store is null)
        {
            run.Warn(OwnershipStores.None);
        }

        return await QemuSourceRun.RunAsync(run, store, qmp, pid, to, interrupts.Token);
    }
}
