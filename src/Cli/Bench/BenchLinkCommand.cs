using System.CommandLine;
using System.CommandLine.Parsing;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using PageEngine.Cli.Commands;
using PageEngine.Cli.Output;
using PageEngine.Compression;
using PageEngine.Memory;
using PageEngine.Transport;
using PageEngine.Transport.Measuring;

namespace PageEngine.Cli.Bench;

// Owns: `bench link`: pages over a link in many ways, without a guest. One side serves, the other one leads; without either
// both are here.

internal static class BenchLinkCommand
{
    private const string ListeningOn = "listening on ";

    /// <summary>Makes the command.</summary>
    public static ExampleCommand Create(Host host)
    {
        WordOption<IPEndPoint?> listen = new("--listen", "HOST:PORT", "Serve measurements here.", null, OptionParsers.ListenAddress);
        WordOption<EndPoint?> to = new("--to", "HOST:PORT", "Lead, with the side that serves there. Neither: both sides on this machine.", null, OptionParsers.PeerAddress);
        WordOption<long> memory = new(
            "--memory", "SIZE", "How much memory is sent again and again, on both sides; more than the caches hold. Default 512MiB.", 512L << 20,
            text => OptionParsers.Size(text) is var (bytes, error) && error is null && (bytes == 0 || bytes % MemoryLayout.PageBytes != 0)
                ? (0, $"is not a multiple of {MemoryLayout.PageBytes} bytes; for example 512MiB") : OptionParsers.Size(text));
        WordOption<TimeSpan> duration = new("--duration", "TIME", "How long each case is tried. Default 2s.", TimeSpan.FromSeconds(2), OptionParsers.Duration);
        WordOption<int[]> streams = new("--streams", "LIST", "Numbers of page streams. Default 1,2.", [1, 2], List(OptionParsers.Integer(1, LinkCase.MaxStreams)));
        WordOption<long[]> runs = new(
            "--run", "LIST", "Sizes of what lies side by side in memory: 4KiB is the most scattered. Default 4KiB,64KiB,1MiB.", [4096, 64 << 10, 1 << 20],
            List<long>(text => OptionParsers.Size(text) is var (bytes, error) && error is null && (bytes == 0 || bytes % MemoryLayout.PageBytes != 0 || bytes > 1L << 32)
                ? (0, $"is not a multiple of {MemoryLayout.PageBytes} bytes") : OptionParsers.Size(text)));
        WordOption<int[]> batches = new("--batch", "LIST", "Most pages of a batch. Default 1024.", [1024], List(OptionParsers.Integer(1, 1024)));
        WordOption<PageCompression[]> compress = new(
            "--compress", "LIST", "Ways to make pages smaller: none, auto, lz4, zstd. Default none.", [PageCompression.None],
            List(OptionParsers.OneOf(("none", PageCompression.None), ("auto", PageCompression.Auto), ("lz4", PageCompression.Lz4), ("zstd", PageCompression.Zstd))));
        WordOption<int> noise = new(
            "--noise", "PERCENT", "The share of each page that does not compress. Default 50 with --compress, else 100.", -1, OptionParsers.Integer(0, 100));
        WordOption<string?> congestion = new(
            "--congestion", "NAME", "The congestion control of what this side sends, for example cubic. Default the system's.", null, OptionParsers.CongestionControl);
        Option<bool> once = new("--once") { Description = "With --listen: serve one measurement and exit." };
        Option<bool> plaintext = new("--plaintext") { Description = "Allow unencrypted connections beyond this machine." };
        WordOption<IPAddress?> bind = new("--bind", "ADDR", "The local address to connect from.", null, OptionParsers.LocalAddress);
        WordOption<IPEndPoint?> dataListen = new("--data-listen", "HOST:PORT", "With --listen: where to take page streams, when not where it listens.", null, OptionParsers.ListenAddress);
        Option<string?> json = CommonOptions.Json();
        Option<string?> html = new("--html") { Description = "Write a page with charts for a browser, complete in one file.", HelpName = "FILE" };
        Option<bool> untilStdinCloses = new(ReceiveCommand.UntilStdinCloses) { Hidden = true };
        ExampleCommand command = new(
            "link",
            "Sends pages over a link in many ways and says how fast that is, what it costs, and what held it back.",
            "pageengine bench link",
            "pageengine bench link --listen 0.0.0.0:4445 --plaintext                          (on the destination)",
            "pageengine bench link --to 192.0.2.7:4445 --plaintext --html link.html           (on the source)",
            "pageengine bench link --to 192.0.2.7:4445 --streams 1,2,4,8 --run 4KiB,1MiB --duration 5s --congestion cubic --plaintext")
        {
            listen, to, memory, duration, streams, runs, batches, compress, noise, congestion, once, plaintext, bind, dataListen, json, html, untilStdinCloses,
        };
        TlsOptions tls = new(command);
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
            TcpOptions tcp = new()
            {
                BindAddress = bind.Read(parsed),
                DataListen = dataListen.Read(parsed),
                AllowPlaintext = parsed.GetValue(plaintext),
                CongestionControl = congestion.Read(parsed),
                Tls = files?.Identity,
            };
            if (listen.Read(parsed) is { } here)
            {
                if (parsed.GetValue(untilStdinCloses))
                {
                    ParentWatch.Start();
                }

                return ServeAsync(host, here, tcp, parsed.GetValue(once));
            }

            LinkCase[] cases =
            [
                .. from stream in streams.Read(parsed)
                   from run in runs.Read(parsed)
                   from batch in batches.Read(parsed)
                   from way in compress.Read(parsed)
                   select new LinkCase { Compression = way, Streams = stream, RunPages = (int)(run / MemoryLayout.PageBytes), BatchPages = batch, Duration = duration.Read(parsed) },
            ];
            LinkPlan plan = new(to.Read(parsed), tcp, files, cases, memory.Read(parsed), noise.Read(parsed) is >= 0 and int percent ? percent : compress.IsGiven(parsed) ? 50 : 100);
            return LeadAsync(host, plan, parsed.GetValue(json), parsed.GetValue(html));
        });
        return command;
    }

    private static WordParser<T[]> List<T>(WordParser<T> parser) => text =>
    {
        List<T> values = [];
        foreach (string word in text.Split(',', StringSplitOptions.TrimEntries))
        {
            (T? value, string? error) = parser(word);
            if (error is not null)
            {
                return (null, $"holds '{word}', which {error}");
            }

            values.Add(value!);
        }

        return ([.. values], null);
    };

    private static async Task<int> ServeAsync(Host host, IPEndPoint listen, TcpOptions tcp, bool once)
    {
        using Interrupts interrupts = new(host, "Ending.");
        using TcpAcceptor acceptor = new(listen, tcp);
        host.Out.WriteLine(ListeningOn + acceptor.Description);
        host.Out.Flush();
        while (true)
        {
            try
            {
                int cases = await LinkBenchmark.ServeAsync(acceptor, refused: host.Error.WriteLine, cancellationToken: interrupts.Token);
                host.Error.WriteLine($"Served {cases.ToString(CultureInfo.InvariantCulture)} cases.");
                if (once)
                {
                    return ExitCodes.Done;
                }
            }
            catch (OperationCanceledException)
            {
                return ExitCodes.Done;
            }
            catch (MigrationException exception) when (!once)
            {
                host.Error.WriteLine($"error: {exception.Message}");
            }
        }
    }

    private static async Task<int> LeadAsync(Host host, LinkPlan plan, string? json, string? html)
    {
        using Interrupts interrupts = new(host, "Ending.");
        using ScratchDirectory scratch = ScratchDirectory.Create();
        List<LinkMeasurement> measured = [];
        string destination = "this machine";
        try
        {
            if (plan.To is { } to)
            {
                destination = await RunAsync(host, plan, to, measured, interrupts.Token);
            }
            else
            {
                // With certificates of its own both are tried: what encryption costs is one of the questions.
                foreach (TlsFiles? files in plan.Files is { } given ? [given] : new[] { null, PassingIdentity.Write(scratch.Path) })
                {
                    await BothHereAsync(host, plan with { Files = files, Tcp = plan.Tcp with { Tls = files?.Identity } }, measured, interrupts.Token);
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or MigrationException && interrupts.Token.IsCancellationRequested)
        {
            host.Error.WriteLine("Ended before all cases were tried.");
            return ExitCodes.Cancelled;
        }

        LinkDocument document = new()
        {
            Source = BenchHost.This(host.Time, plan.Tcp.CongestionControl),
            Destination = destination,
            MemoryBytes = plan.MemoryBytes,
            NoisePercent = plan.NoisePercent,
            Cases = [.. measured.Select(LinkCaseDocument.From)],
        };
        if (json is not null)
        {
            JsonOutput.Write(host, json, document, JsonContext.Documents.LinkDocument);
        }

        if (html is not null)
        {
            JsonOutput.WriteFile(html, LinkPage.Write(document));
        }

        if (json != JsonOutput.ToStdout)
        {
            LinkReport.Write(Terminal.ForResults(host), document);
        }

        return ExitCodes.Done;
    }

    private static async Task BothHereAsync(Host host, LinkPlan plan, List<LinkMeasurement> measured, CancellationToken cancellationToken)
    {
        using Process other = ThisProgram.Start(["bench", "link", "--listen", "127.0.0.1:0", "--once", ReceiveCommand.UntilStdinCloses, .. plan.Files?.Arguments ?? []]);
        try
        {
            await RunAsync(host, plan, await ListeningAsync(other, cancellationToken), measured, cancellationToken);
        }
        finally
        {
            if (!other.HasExited)
            {
                other.Kill();
                other.WaitForExit();
            }
        }
    }

    private static async Task<string> RunAsync(Host host, LinkPlan plan, EndPoint to, List<LinkMeasurement> measured, CancellationToken cancellationToken)
    {
        TcpConnector connector = new(to, plan.Tcp);
        string all = plan.Cases.Length.ToString(CultureInfo.InvariantCulture);
        host.Error.WriteLine($"{all} cases of {Units.FormatDuration(plan.Cases[0].Duration)} each, to {connector.Description}{(plan.Files is null ? "" : ", encrypted")}; the memory is being filled.");
        int done = 0;
        measured.AddRange(await LinkBenchmark.RunAsync(
            connector, plan.Cases, plan.MemoryBytes,
            m => host.Error.WriteLine($"{(++done).ToString(CultureInfo.InvariantCulture),3}/{all}  {LinkReport.Describe(m)}: {Units.FormatBytesPerSecond(m.GuestBytesPerSecond)}"),
            plan.NoisePercent, cancellationToken));
        return connector.Description;
    }

    private static async Task<IPEndPoint> ListeningAsync(Process other, CancellationToken cancellationToken)
    {
        string? line = await other.StandardOutput.ReadLineAsync(cancellationToken);
        _ = other.StandardError.ReadToEndAsync(CancellationToken.None);
        return line is not null && line.StartsWith(ListeningOn, StringComparison.Ordinal) && IPEndPoint.TryParse(line.AsSpan(ListeningOn.Length), out IPEndPoint? place)
            ? place
            : throw new MigrationException(MigrationErrorKind.Refused, "The other side, a process of this program on this machine, did not start.");
    }
}

/// <summary>What is to be tried, and with whom; without an end point both sides are here.</summary>
internal sealed record LinkPlan(EndPoint? To, TcpOptions Tcp, TlsFiles? Files, LinkCase[] Cases, long MemoryBytes, int NoisePercent);
