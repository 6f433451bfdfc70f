using System.CommandLine;
using System.Net;
using PageEngine.Cli.Commands;

namespace PageEngine.Cli.Qemu;

// Owns: `qemu receive`: its options. What it does is QemuDestinationRun's.

/// <summary>The options of `qemu receive` alone.</summary>
internal sealed record QemuReceiveSettings
{
    /// <summary>Gets the monitor's socket.</summary>
    public required string Qmp { get; init; }

    /// <summary>Gets QEMU's process; null: found by the monitor.</summary>
    public required int? ProcessId { get; init; }

    /// <summary>Gets where to listen.</summary>
    public required IPEndPoint Listen { get; init; }

    /// <summary>Gets whether to end after one attempt, whatever comes of it.</summary>
    public required bool Once { get; init; }
}

/// <summary>Takes a running machine into a QEMU that waits for it.</summary>
internal static class QemuReceiveCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Host host)
    {
        ExampleCommand command = new(
            "receive",
            "Destination: takes a machine into a QEMU that was started with -incoming defer -S, and ends when it runs there. Failed attempts are reported, and the next one is awaited.",
            "pageengine qemu receive --qmp /run/vm/destination.qmp --listen 127.0.0.1:4444",
            "pageengine qemu receive --qmp /run/vm/destination.qmp --listen 0.0.0.0:4444 --plaintext --ownership /mnt/shared/ownership");
        Option<string> qmp = QemuCommand.Qmp();
        WordOption<int?> pid = QemuCommand.ProcessId();
        WordOption<IPEndPoint?> listen = new(
            "--listen", "HOST:PORT", "Where to listen; port 0 takes a free one and prints it.", null, OptionParsers.ListenAddress)
        { Required = true };
        Option<bool> once = new("--once") { Description = "End after one attempt, whatever comes of it." };
        foreach (Option option in (ReadOnlySpan<Option>)[qmp, listen, pid, once])
        {
            command.Options.Add(option);
        }

        CommonOptions common = new(command, destination: true, ownGuest: false);
        command.SetAction((parsed, _) => RunAsync(
            host,
            common.Read(parsed),
            new QemuReceiveSettings
            {
                Qmp = parsed.GetValue(qmp)!,
                ProcessId = pid.Read(parsed),
                Listen = listen.Read(parsed)!,
                Once = parsed.GetValue(once),
            }));
        return command;
    }

    private static async Task<int> RunAsync(Host host, MigrationSettings settings, QemuReceiveSettings receive)
    {
        using Interrupts interrupts = new(host, "Stopping. Once more ends the program at once.");
        using CommandRun run = new(host, settings, 'D');
        return await new QemuDestinationRun(run, receive).RunAsync(interrupts.Token);
    }
}
