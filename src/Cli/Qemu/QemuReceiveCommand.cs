using System.CommandLine;
using System.Net;
using PageEngine.Cli.Commands;
using PageEngine.Qemu.Launch;

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

    /// <summary>Gets whether QEMU is started here, from the source's command line.</summary>
    public required bool Launch { get; init; }

    /// <summary>Gets what the source's names are here.</summary>
    public required IReadOnlyList<ValueMapping> Mappings { get; init; }

    /// <summary>Gets whether memory is taken page by page as it arrives.</summary>
    public required bool Sparse { get; init; }
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
            "pageengine qemu receive --qmp /run/vm/destination.qmp --listen 0.0.0.0:4444 --plaintext --ownership /mnt/shared/ownership",
            "pageengine qemu receive --qmp /run/vm/destination.qmp --listen 127.0.0.1:4444 --launch --map /dev/shm/vm-source=/dev/shm/vm-destination --map /srv/images=/srv/images");
        Option<string> qmp = QemuCommand.Qmp();
        WordOption<int?> pid = QemuCommand.ProcessId();
        WordOption<IPEndPoint?> listen = new(
            "--listen", "HOST:PORT", "Where to listen; port 0 takes a free one and prints it.", null, OptionParsers.ListenAddress)
        { Required = true };
        Option<bool> once = new("--once") { Description = "End after one attempt, whatever comes of it." };
        Option<bool> launch = new("--launch") { Description = "Start QEMU here, with the source's command line, its own monitor at --qmp and the names that --map gives. What no --map covers is refused." };
        Option<string[]> map = new("--map")
        {
            Description = "With --launch: what the source calls OLD is NEW here. OLD is a file, a directory, or any other value as a whole (such as ifname's tap0). Repeatable; OLD=OLD says that it is the same here.",
            HelpName = "OLD=NEW",
        };
        Option<bool> sparse = new("--sparse") { Description = "Take memory page by page as it arrives, not all of it before listening: less for a machine with much empty memory, but slower." };
        foreach (Option option in (ReadOnlySpan<Option>)[qmp, listen, pid, once, sparse, launch, map])
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
                Sparse = parsed.GetValue(sparse),
                Launch = parsed.GetValue(launch),
                Mappings = Mappings(parsed.GetValue(map) ?? [], parsed.GetValue(launch)),
            }));
        return command;
    }

    private static ValueMapping[] Mappings(string[] words, bool launch)
    {
        if (words.Length > 0 && !launch)
        {
            throw new UsageException("--map says what the source's names are here, which matters only with --launch.");
        }

        return [.. words.Select(word => word.IndexOf('=', StringComparison.Ordinal) is > 0 and int equals && equals < word.Length - 1
            ? new ValueMapping(word[..equals], word[(equals + 1)..])
            : throw new UsageException($"--map: '{word}' is no OLD=NEW; for example --map /dev/shm/vm-source=/dev/shm/vm-destination."))];
    }

    private static async Task<int> RunAsync(Host host, MigrationSettings settings, QemuReceiveSettings receive)
    {
        using Interrupts interrupts = new(host, "Stopping. Once more ends the program at once.");
        using CommandRun run = new(host, settings, 'D');
        return await new QemuDestinationRun(run, receive).RunAsync(interrupts.Token);
    }
}
