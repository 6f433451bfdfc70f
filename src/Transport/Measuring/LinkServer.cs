using PageEngine.Memory;
using PageEngine.Streaming;
using PageEngine.Transport.Control;
using PageEngine.Transport.Edges;
using PageEngine.Transport.Sealing;
using PageEngine.Transport.Sessions;

namespace PageEngine.Transport.Measuring;

// Owns: the destination of one measurement: memory that pages are received into, and what that cost.

internal sealed class LinkServer(ConnectionGate gate, MigrationConnection connection, ControlChannel channel, string? dataEndPoint, long maxMemoryBytes, TimeSpan patience)
{
    /// <summary>Does what the source asks for until it says goodbye.</summary>
    /// <returns>How many cases it tried.</returns>
    internal async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        LinkBeginMessage begin = LinkBeginMessage.Read(await NextAsync(ControlKind.LinkBegin, cancellationToken).ConfigureAwait(false));
        if (begin.MemoryBytes > maxMemoryBytes)
        {
            throw new MigrationException(MigrationErrorKind.Refused, $"The measurement wants {begin.MemoryBytes} bytes of memory; this side gives {maxMemoryBytes}.");
        }

        using GuestMemory memory = GuestMemory.Allocate(begin.MemoryBytes);
        Populate(memory);
        await channel.SendAsync(ControlKind.Ready, cancellationToken).ConfigureAwait(false);
        for (int cases = 0; ; cases++)
        {
            ControlFrame frame = await channel.ReceiveAsync(cancellationToken).ConfigureAwait(false);
            if (frame.Kind == ControlKind.Goodbye)
            {
                return cases;
            }

            await TryAsync(memory, LinkCaseMessage.Read(Payload(frame, ControlKind.LinkCase)), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Gets every page its memory: what is measured is the link, not the kernel that clears pages.</summary>
    internal static void Populate(GuestMemory memory)
    {
        for (long page = 0; page < memory.PageCount; page++)
        {
            memory.Page(page)[0] = 1;
        }
    }

    private async Task TryAsync(GuestMemory memory, LinkCaseMessage asked, CancellationToken cancellationToken)
    {
        var joiner = new StreamJoiner(asked.Streams, connection.IsProven ? PageSeal.NewSecret() : default);
        gate.LetJoin(joiner);
        await channel.SendAsync(
            ControlKind.LinkStreams, new LinkStreamsMessage(joiner.Token, dataEndPoint ?? "", joiner.Secret), static (m, w) => m.Write(w), cancellationToken).ConfigureAwait(false);
        using (var late = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken))
        {
            late.CancelAfter(patience);
            await joiner.AllJoinedAsync(late.Token).ConfigureAwait(false);
        }

        MigrationConnection[] connections = joiner.Close();
        var receivers = new PageReceiver[connections.Length];
        using var applier = new PageApplier(memory, keepHashes: false);
        long bytes = 0;
        int warm = 0;
        TimeSpan before = TimeSpan.Zero;
        MachineTime machine = MachineTime.Now();
        try
        {
            for (int i = 0; i < receivers.Length; i++)
            {
                receivers[i] = PageReceiver.Start(connections[i], applier, i, OnRoundEnd, PageSeal.For(joiner.Secret, i));
            }

            await Task.WhenAll(receivers.Select(r => r.Completion)).WaitAsync(cancellationToken).ConfigureAwait(false);
            TimeSpan spent = Environment.CpuUsage.TotalTime - before;
            await channel.SendAsync(ControlKind.LinkResult, new LinkResultMessage(bytes, spent, MachineTime.Now().IdleSince(machine)), static (m, w) => m.Write(w), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            foreach (MigrationConnection stream in connections)
            {
                await stream.DisposeAsync().ConfigureAwait(false);
            }
        }

        void OnRoundEnd(StreamRoundTotals totals)
        {
            if (totals.Round > 0)
            {
                Interlocked.Add(ref bytes, totals.WireBytes);
            }
            else if (Interlocked.Increment(ref warm) == asked.Streams)
            {
                before = Environment.CpuUsage.TotalTime;
                machine = MachineTime.Now();
            }
        }
    }

    private async Task<byte[]> NextAsync(ControlKind kind, CancellationToken cancellationToken)
    {
        using var late = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        late.CancelAfter(patience);
        ControlFrame frame = await channel.ReceiveAsync(late.Token).ConfigureAwait(false);
        return Payload(frame, kind).ToArray();
    }

    private static ReadOnlySpan<byte> Payload(ControlFrame frame, ControlKind kind) => frame.Kind == kind
        ? frame.Payload.Span
        : throw ControlFrameCodec.Violation($"a {frame.Kind} frame came where {kind} was due");
}
