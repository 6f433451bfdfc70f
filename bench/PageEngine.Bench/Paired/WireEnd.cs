using System.Net;
using PageEngine.Bitmaps;
using PageEngine.Memory;
using PageEngine.Streaming;
using PageEngine.Transport;
using PageEngine.Transport.Sealing;

namespace PageEngine.Bench.Paired;

// Owns: one end of a wire measurement, in a process of its own: the engine's page streams with nothing around them.

/// <summary>The sending and the receiving end.</summary>
internal static class WireEnd
{
    private static readonly TcpOptions _tcp = new() { CongestionControl = "cubic" };

    internal static async Task<int> SendAsync(WireSettings settings)
    {
        using GuestMemory memory = GuestMemory.Allocate((long)settings.Pages * MemoryLayout.PageBytes);
        Fill(memory);
        if (settings.Method == "pipe")
        {
            return await PlainPipe.SendAsync(settings, memory);
        }

        var pacer = new BandwidthPacer(0, TimeProvider.System);
        var connector = new TcpConnector(new IPEndPoint(IPAddress.Loopback, settings.Port), _tcp);
        var senders = new List<PageSender>();
        for (int i = 0; i < settings.Streams; i++)
        {
            MigrationConnection connection = settings.Method switch
            {
                "tls" => await TlsConnections.ConnectAsync(settings.Port),
                _ => await connector.ConnectAsync(ConnectionPurpose.Pages, null, default),
            };
            senders.Add(PageSender.Create(connection, memory, i, new PageSending(pacer), Seal(settings, i)));
        }

        using var pattern = new DirtyBitmap(memory.PageCount);
        using var pending = new DirtyBitmap(memory.PageCount);
        Stopwatches watches = default;
        long bytes = 0;
        for (int pass = 0; pass < settings.Warmup + settings.Passes; pass++)
        {
            if (pass == 0 || pass == settings.Warmup)
            {
                pattern.Clear();
                SetPattern(pattern, settings, measured: pass == settings.Warmup);
                bytes = 0;
                watches = Stopwatches.Start();
            }

            pending.MergeFrom(pattern);
            var round = new PageRound(pass, memory, pending, present: null) { MayArriveLater = settings.Method == "engine" };
            await Task.WhenAll(senders.Select(sender => sender.SendRoundAsync(round, default)));
            bytes += round.DataPages * MemoryLayout.PageBytes;
        }

        Console.WriteLine(watches.Line(bytes));
        await Task.WhenAll(senders.Select(sender => sender.FinishAsync()));
        foreach (PageSender sender in senders)
        {
            await sender.DisposeAsync();
        }

        return 0;
    }

    internal static async Task<int> ReceiveAsync(WireSettings settings)
    {
        using GuestMemory memory = GuestMemory.Allocate((long)settings.Pages * MemoryLayout.PageBytes);
        long touched = settings.Fresh ? memory.PageCount / 2 : memory.PageCount;
        for (long page = 0; page < touched; page++)
        {
            memory.Page(page).Fill(1);
        }

        if (settings.Method == "pipe")
        {
            return await PlainPipe.ReceiveAsync(settings, memory);
        }

        using var acceptor = new TcpAcceptor(new IPEndPoint(IPAddress.Loopback, 0), _tcp);
        using var tls = settings.Method == "tls" ? new TlsConnections() : null;
        Console.WriteLine($"port {tls?.Port ?? acceptor.LocalEndPoint.Port}");
        using var applier = new PageApplier(memory, keepHashes: false);
        var meter = new RoundMeter(settings);
        var receivers = new List<PageReceiver>();
        for (int i = 0; i < settings.Streams; i++)
        {
            MigrationConnection connection = tls is null ? await acceptor.AcceptAsync(default) : await tls.AcceptAsync();
            receivers.Add(PageReceiver.Start(connection, applier, i, meter.OnRoundEnd, Seal(settings, i)));
        }

        await Task.WhenAll(receivers.Select(receiver => receiver.Completion));
        Console.WriteLine(meter.Line);
        foreach (PageReceiver receiver in receivers)
        {
            await receiver.DisposeAsync();
        }

        return 0;
    }

    // A migration's secret is random and travels over its control channel; here both processes must know it without one.
    private static PageSeal? Seal(WireSettings settings, int stream) => settings.Method == "sealed" ? new PageSeal(new byte[PageSeal.SecretBytes], stream) : null;

    /// <summary>Bytes that are not zero, and differ between pages.</summary>
    private static void Fill(GuestMemory memory)
    {
        for (long page = 0; page < memory.PageCount; page++)
        {
            memory.Page(page).Fill((byte)(1 + (page % 255)));
        }
    }

    // Fresh memory: warming up stays in the half that was touched, and the measured pass goes to the other.
    private static void SetPattern(DirtyBitmap pattern, WireSettings settings, bool measured)
    {
        long from = settings.Fresh && measured ? settings.Pages / 2 : 0;
        long end = settings.Fresh && !measured ? settings.Pages / 2 : settings.Pages;
        for (long page = from; page + settings.Run <= end; page += 2 * settings.Run)
        {
            pattern.SetRange(new PageRange(page, settings.Run));
        }
    }

    /// <summary>Measures from the end of the last round that warms up to the end of the last round, on every stream.</summary>
    private sealed class RoundMeter(WireSettings settings)
    {
        private readonly Lock _lock = new();
        private readonly int[] _ended = new int[settings.Warmup + settings.Passes];
        private Stopwatches _watches;
        private long _bytes;

        internal string? Line { get; private set; }

        internal void OnRoundEnd(StreamRoundTotals totals)
        {
            lock (_lock)
            {
                bool all = ++_ended[totals.Round] == settings.Streams;
                if (totals.Round >= settings.Warmup)
                {
                    _bytes += totals.DataPages * MemoryLayout.PageBytes;
                }

                if (all && totals.Round == settings.Warmup - 1)
                {
                    _watches = Stopwatches.Start();
                }

                if (all && totals.Round == _ended.Length - 1)
                {
                    Line = _watches.Line(_bytes);
                }
            }
        }
    }
}
