using System.IO.Pipelines;
using PageEngine.Bitmaps;
using PageEngine.Memory;
using PageEngine.Streaming;
using PageEngine.Tests.Streaming;
using PageEngine.Transport.Edges;
using PageEngine.Transport.Sealing;
using PageEngine.Transport.Tests.Streams;
using Xunit;

namespace PageEngine.Transport.Tests.Edges;

/// <summary>A page costs no allocation from the bitmap to the socket, and none from the socket to the other memory.</summary>
public sealed class HotPathAllocationTests
{
    private const long Pages = 20_000;

    // What the runtime does when it compiles a method anew may land in any one round; what a batch costs lands in all.
    private const int Rounds = 6;

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);
    private static readonly byte[] _secret = [.. Enumerable.Range(1, PageSeal.SecretBytes).Select(i => (byte)i)];

    [Theory]
    [InlineData("gathered")]
    [InlineData("referenced")]
    [InlineData("sealed")]
    public async Task Pages_are_sent_and_received_without_an_allocation(string way)
    {
        using GuestMemory source = TestMemory.Of(Pages);
        using GuestMemory destination = TestMemory.Of(Pages);
        TestMemory.Fill(source, 1);
        (MigrationConnection s, MigrationConnection d) = await Connections.TcpAsync();
        await using var near = s;
        await using var far = d;

        // On threads of their own: what a thread allocates is then what its loop allocates.
        long sent = -1;
        long received = -1;
        var sending = new DedicatedThread("send", () => sent = Send((SocketConnection)s, source, way));
        var receiving = new DedicatedThread("receive", () => received = Receive((SocketConnection)d, destination, way));
        await Task.WhenAll(sending.JoinAsync(), receiving.JoinAsync()).WaitAsync(_patience);
        Assert.Equal(0, sent);
        Assert.Equal(0, received);
        for (long page = 0; page < Pages; page++)
        {
            Assert.True(!IsSent(page) || TestMemory.PageEquals(source, destination, page));
        }
    }

    // Short runs and one long one: pages that are gathered, and pages that go as they are.
    private static bool IsSent(long page) => page % 3 == 0 || page is > 12_000 and < 14_000;

    private static long Send(SocketConnection connection, GuestMemory memory, string way)
    {
        using var pending = new DirtyBitmap(Pages);
        using var reader = new PageBatchReader(memory, 0);
        using IBatchSend output = way switch
        {
            "gathered" => new GatherSend(),
            "referenced" => new ReferenceSend(force: true),
            _ => new SealedSend(new PageSeal(_secret, 0)),
        };
        long allocated = long.MaxValue;
        for (int i = 0; i < Rounds; i++)
        {
            for (long page = 0; page < Pages; page++)
            {
                if (IsSent(page))
                {
                    pending.Set(page);
                }
            }

            reader.BeginRound(new PageRound(i, memory, pending, null) { MayArriveLater = true });
            long before = GC.GetAllocatedBytesForCurrentThread();
            ReadResult read;
            do
            {
                reader.TryRead(out read);
                if (output.Send(connection.Handle, read.Buffer, reader.MayArriveLater) != 0)
                {
                    return -1;
                }

                reader.AdvanceTo(read.Buffer.End);
            }
            while (!read.IsCompleted);
            allocated = Math.Min(allocated, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return output is ReferenceSend { ReferencedBatches: 0 } ? -1 : allocated;
    }

    private static long Receive(SocketConnection connection, GuestMemory memory, string way)
    {
        using var applier = new PageApplier(memory, keepHashes: true);
        int ended = 0;
        using var writer = new PageBatchWriter(applier, 0, _ => ended++);
        using IBatchReceive input = way == "sealed" ? new SealedReceive(new PageSeal(_secret, 0)) : new ScatterReceive();
        long allocated = long.MaxValue;
        for (int i = 0; i < Rounds; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            while (ended == i)
            {
                if (input.Receive(connection.Handle, writer, out _) <= 0)
                {
                    return -1;
                }
            }

            allocated = Math.Min(allocated, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return allocated;
    }
}
