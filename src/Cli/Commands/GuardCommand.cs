using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using PageEngine.EmbeddedGuest.Fencing;

namespace PageEngine.Cli.Commands;

// Owns: `guard`: a resource that guests have effects on, to see fencing at work, and the check of its log.

/// <summary>Runs a guarded resource, or checks what one has accepted.</summary>
internal static class GuardCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Host host)
    {
        ExampleCommand command = new(
            "guard",
            "A resource outside of guests that takes each effect once, in order, and from the newest owner only.",
            "pageengine guard --listen 127.0.0.1:4500 --log effects.log",
            "pageengine demo --guard 127.0.0.1:4500",
            "pageengine guard --verify effects.log");
        WordOption<IPEndPoint?> listen = new(
            "--listen", "HOST:PORT", "Where to listen; port 0 takes a free one and prints it. Nothing is encrypted or authenticated.", null, OptionParsers.ListenAddress);
        Option<string?> log = new("--log") { Description = "The log of effects; a guard goes on where its log ends.", HelpName = "FILE" };
        Option<string?> verify = new("--verify") { Description = "Count a log's effects, and find lost and repeated ones.", HelpName = "FILE" };
        Option<bool> flush = new("--fsync") { Description = "Have every line on the disk before it is answered." };
        foreach (Option option in (ReadOnlySpan<Option>)[listen, log, verify, flush])
        {
            command.Options.Add(option);
        }

        command.SetAction((parsed, _) => (listen.Read(parsed), parsed.GetValue(log), parsed.GetValue(verify)) switch
        {
            ({ } where, { } file, null) => RunAsync(host, where, file, parsed.GetValue(flush)),
            (null, null, { } file) => Task.FromResult(Verify(host, file)),
            _ => throw new UsageException("guard takes --listen with --log, or --verify alone."),
        });
        return command;
    }

    private static async Task<int> RunAsync(Host host, IPEndPoint listen, string log, bool flush)
    {
        using Interrupts interrupts = new(host, "Stopping. Once more ends the program at once.");
        EffectGuard guard;
        try
        {
            guard = EffectGuard.Start(listen, log, flush);
        }
        catch (Exception exception) when (exception is SocketException or IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"No guard can run on {listen} with the log {log}: {exception.Message}");
        }

        await using (guard)
        {
            host.Out.WriteLine($"listening on {guard.EndPoint}");
            host.Out.Flush();
            try
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, host.Time, interrupts.Token);
            }
            catch (OperationCanceledException)
            {
                // Told to stop: that is what was waited for.
            }

            host.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{guard.Effects} effects, {guard.Refused} refused"));
            if (guard.Failure is { } failure)
            {
                host.Error.WriteLine($"error: {failure}");
                return ExitCodes.Failed;
            }
        }

        return ExitCodes.Done;
    }

    private static int Verify(Host host, string path)
    {
        EffectLogAudit audit = EffectLogAudit.Read(path);
        host.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{audit.Effects} effects of {audit.Guests} guests: {audit.Gaps} gaps, {audit.Repeats} repeats, {audit.EpochsGoingDown} epochs going down; {audit.Refused} requests refused"));
        return audit.IsGood ? ExitCodes.Done : ExitCodes.DataDamaged;
    }
}
