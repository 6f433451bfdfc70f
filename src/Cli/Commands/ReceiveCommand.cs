using System.CommandLine;
using System.Net;

namespace PageEngine.Cli.Commands;

// Owns: `receive`: its options. What it does is DestinationRun's.

/// <summary>The options of receive alone.</summary>
internal sealed record ReceiveSettings
{
    /// <summary>Gets where to listen.</summary>
    public required IPEndPoint Listen { get; init; }

    /// <summary>Gets whether to take one migration only.</summary>
    public required bool Once { get; init; }

    /// <summary>Gets how long the guest runs before it is checked and the program exits; null: until Ctrl-C.</summary>
    public required TimeSpan? RunFor { get; init; }

    /// <summary>Gets whether memory is taken before a guest comes.</summary>
    public required bool Reserve { get; init; }

    /// <summary>Gets where journals go; null: the state directory.</summary>
    public required string? Journal { get; init; }
}

/// <summary>Takes guests from other hosts.</summary>
internal static class ReceiveCommand
{
    /// <summary>The option by which demo ties its destination to itself.</summary>
    public const string UntilStdinCloses = "--until-stdin-closes";

    /// <summary>The option by which demo keeps the destination's journals beside its own.</summary>
    public const string Journal = "--journal";

    /// <summary>The option by which memory is taken before a guest comes.</summary>
    public const string Reserve = "--reserve";

    /// <summary>Makes the command.</summary>
    public static Command Create(Host host)
    {
        ExampleCommand command = new(
            "receive",
            "Destination: waits for a migration and runs the guest after the switchover.",
            "pageengine receive --listen 127.0.0.1:4444 --once --run-for 5s",
            "pageengine receive --listen 0.0.0.0:4444 --plaintext --ownership /mnt/shared/ownership",
            "pageengine receive --listen 192.0.2.7:4444 --data-listen 198.51.100.7:4445 --plaintext --json report.json");
        WordOption<IPEndPoint?> listen = new(
            "--listen", "HOST:PORT", "Where to listen; port 0 takes a free one and prints it.", null, OptionParsers.ListenAddress)
        { Required = true };
        Option<bool> once = new("--once") { Description = "Take one migration and exit. Default: one after the other; failed ones are reported." };
        WordOption<TimeSpan?> runFor = new(
            "--run-for", "TIME", "How long the guest runs here before it is checked and the program exits. Default: until Ctrl-C.", null,
            text => OptionParsers.Duration(text) is var (time, error) ? (time, error) : default);
        Option<bool> reserve = new(Reserve)
        {
            Description = "Take the memory of a guest of --memory before listening, so that no page is taken for the first time while it arrives. A guest of another size gets its own.",
        };
        Option<bool> untilStdinCloses = new(UntilStdinCloses) { Hidden = true };
        Option<string?> journal = new(Journal) { Hidden = true };
        foreach (Option option in (ReadOnlySpan<Option>)[listen, once, runFor, reserve, untilStdinCloses, journal])
        {
            command.Options.Add(option);
        }

        CommonOptions common = new(command, destination: true);
        command.SetAction((parsed, _) => RunAsync(
            host,
            common.Read(parsed),
            new ReceiveSettings
            {
                Listen = listen.Read(parsed)!,
                Once = parsed.GetValue(once),
                RunFor = runFor.Read(parsed),
                Reserve = parsed.GetValue(reserve),
                Journal = parsed.GetValue(journal),
            },
            parsed.GetValue(untilStdinCloses)));
        return command;
    }

    private static async Task<int> RunAsync(Host host, MigrationSettings settings, ReceiveSettings receive, bool untilStdinCloses)
    {
        // Ctrl-C reaches every process of the terminal; a destination that belongs to demo leaves it to demo.
        using Interrupts interrupts = new(host, "Stopping. Once more ends the program at once.", ignoreTerminal: untilStdinCloses);
        if (untilStdinCloses)
        {
            ParentWatch.Start();
        }

        if (receive.Reserve && !settings.MemoryIsGiven)
        {
            throw new UsageException($"{Reserve} needs --memory: how much memory the guest that is to come has.");
        }

        using CommandRun run = new(host, settings, 'D');
        using DestinationRun destination = new(run, receive);
        return await destination.RunAsync(interrupts.Token);
    }
}
