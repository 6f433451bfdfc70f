using PageEngine.Bitmaps;
using PageEngine.Compression;
using PageEngine.Memory;
using PageEngine.Streaming;
using PageEngine.Transport.Control;
using PageEngine.Transport.Edges;
using PageEngine.Transport.Sealing;

namespace PageEngine.Transport.Measuring;

// Owns: the source of one measurement: memory full of bytes that mean nothing, sent again and again.

internal sealed class LinkClient(IMigrationConnector connector, MigrationConnection connection, ControlChannel channel, GuestMemory memory)
{
    /// <summary>Tries one case.</summary>
    internal async Task<LinkMeasurement> TryAsync(LinkCase tried, CancellationToken cancellationToken)
    {
        await channel.SendAsync(ControlKind.LinkCase, new LinkCaseMessage(tried.Streams), static (m, w) => m.Write(w), cancellationToken).ConfigureAwait(false);
        LinkStreamsMessage streams = LinkStreamsMessage.Read(await NextAsync(ControlKind.LinkStreams, cancellationToken).ConfigureAwait(false));
        if (streams.Secret.IsEmpty == connection.IsProven)
        {
            throw ControlFrameCodec.Violation("pages are to be sealed where nothing is secret, or not where they have to be");
        }

        using var encoding = new PageEncoding(tried.Compression, cacheBytes: 0);
        var connections = new List<MigrationConnection>();
        try
        {
            var senders = new List<PageSender>();
            var pacer = new BandwidthPacer(0, TimeProvider.System) { MaxBatchPages = tried.BatchPages };
            for (int i = 0; i < tried.Streams; i++)
            {
                MigrationConnection stream = await connector.ConnectAsync(
                    ConnectionPurpose.Pages, streams.DataEndPoint.Length > 0 ? streams.DataEndPoint : null, cancellationToken).ConfigureAwait(false);
                connections.Add(stream);
                await stream.WritePreambleAsync(new ConnectionPreamble(ConnectionPurpose.Pages, i, streams.Token).Encode(), cancellationToken).ConfigureAwait(false);
                senders.Add(PageSender.Create(stream, memory, i, new PageSending(pacer) { Encoding = encoding }, PageSeal.For(streams.Secret, i)));
            }

            return await SendAsync(tried, senders, connections, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            foreach (MigrationConnection stream in connections)
            {
                await stream.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    private async Task<LinkMeasurement> SendAsync(LinkCase tried, List<PageSender> senders, List<MigrationConnection> connections, CancellationToken cancellationToken)
    {
        using var pending = new DirtyBitmap(memory.PageCount);
        long dirtyPages = 0;
        await PassAsync(0).ConfigureAwait(false);
        long began = TimeProvider.System.GetTimestamp();
        TimeSpan processor = Environment.CpuUsage.TotalTime;
        MachineTime machine = MachineTime.Now();
        TcpCounters[] before = [.. connections.Select(TcpCounters.Of)];
        int pass = 1;
        do
        {
            await PassAsync(pass++).ConfigureAwait(false);
        }
        while (TimeProvider.System.GetElapsedTime(began) < tried.Duration);

        await Task.WhenAll(senders.Select(s => s.FinishAsync())).WaitAsync(cancellationToken).ConfigureAwait(false);
        LinkResultMessage result = LinkResultMessage.Read(await NextAsync(ControlKind.LinkResult, cancellationToken).ConfigureAwait(false));
        TimeSpan elapsed = TimeProvider.System.GetElapsedTime(began);
        processor = Environment.CpuUsage.TotalTime - processor;
        TcpCounters[] after = [.. connections.Select(TcpCounters.Of)];
        return new LinkMeasurement(
            tried, connection.IsProven, result.Bytes, elapsed, processor, result.Processor,
            after.Zip(before, (a, b) => a.Retransmitted - b.Retransmitted).Sum(),
            after.Max(a => a.RoundTrip),
            TimeSpan.FromTicks(after.Zip(before, (a, b) => (a.ReceiverStalled - b.ReceiverStalled).Ticks).Sum()))
        {
            GuestBytes = (pass - 1) * dirtyPages * MemoryLayout.PageBytes,
            SourceIdle = MachineTime.Now().IdleSince(machine),
            DestinationIdle = result.Idle,
        };

        async Task PassAsync(int index)
        {
            dirtyPages = 0;
            for (long page = 0; page < memory.PageCount; page += 2L * tried.RunPages)
            {
                var run = new PageRange(page, Math.Min(memory.PageCount - page, tried.RunPages));
                pending.SetRange(run);
                dirtyPages += run.Count;
            }

            var round = new PageRound(index, memory, pending, present: null);
            await Task.WhenAll(senders.Select(s => s.SendRoundAsync(round, cancellationToken))).ConfigureAwait(false);
        }
    }

    private async Task<byte[]> NextAsync(ControlKind kind, CancellationToken cancellationToken)
    {
        ControlFrame frame = await channel.ReceiveAsync(cancellationToken).ConfigureAwait(false);
        return frame.Kind == kind ? frame.Payload.ToArray()
            : frame.Kind == ControlKind.Failure ? throw FailureMessage.Read(frame.Payload.Span).ToException()
            : throw ControlFrameCodec.Violation($"a {frame.Kind} frame came where {kind} was due");
    }
}
