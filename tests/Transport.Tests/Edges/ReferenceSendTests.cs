using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using PageEngine.Bitmaps;
using PageEngine.Compression;
using PageEngine.Memory;
using PageEngine.Streaming;
using PageEngine.Tests.Streaming;
using PageEngine.Transport.Edges;
using Xunit;

namespace PageEngine.Transport.Tests.Edges;

/// <summary>When a page's bytes are read that goes by reference, and that it never does where that must not be.</summary>
public sealed class ReferenceSendTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_page_that_changes_before_it_is_received_arrives_new_only_where_that_was_allowed(bool mayArriveLater)
    {
        using GuestMemory source = TestMemory.Of(32);
        using GuestMemory destination = TestMemory.Of(32);
        TestMemory.Fill(source, 1);
        (Socket near, Socket far) = await ConnectAsync();
        using (near)
        using (far)
        using (var output = new ReferenceSend(force: true))
        {
            byte[] before = source.Page(20).ToArray();
            await Task.Run(() => SendRound(near, source, output, mayArriveLater)).WaitAsync(_patience);
            source.Page(20).Fill(0x77);
            await Task.Run(() => ReceiveRound(far, destination)).WaitAsync(_patience);
            Assert.Equal(mayArriveLater ? 1 : 0, output.ReferencedBatches);
            Assert.Equal(mayArriveLater ? source.Page(20).ToArray() : before, destination.Page(20).ToArray());
        }
    }

    [Fact]
    public async Task Memories_are_equal_after_a_last_pass_whatever_was_written_during_the_rounds()
    {
        const long Pages = 6000;
        using GuestMemory source = TestMemory.Of(4000, 1, 1999);
        using GuestMemory destination = TestMemory.Of(4000, 1, 1999);
        using var dirty = new DirtyBitmap(Pages);
        TestMemory.Fill(source, 1);
        (Socket near, Socket far) = await ConnectAsync();
        using Socket sending = near;
        using Socket receiving = far;
        using var output = new ReferenceSend(force: true);
        using var applier = new PageApplier(destination, keepHashes: true);
        using var ended = new SemaphoreSlim(0);
        const int Rounds = 12;
        Task receiver = Task.Run(() =>
        {
            using var writer = new PageBatchWriter(applier, 0, _ => ended.Release());
            using var input = new ScatterReceive();
            while (input.Receive(receiving.SafeHandle, writer, out _) > 0)
            {
            }
        });

        var random = new Random(3);
        using var pending = new DirtyBitmap(Pages);
        pending.SetAll();
        using var reader = new PageBatchReader(source, 0);
        for (int round = 0; round < Rounds; round++)
        {
            // The guest runs: it writes and marks, and what it marked goes into a later round.
            using var stop = new CancellationTokenSource();
            int seed = random.Next();
            Task guest = Task.Run(() =>
            {
                var choice = new Random(seed);
                while (!stop.IsCancellationRequested)
                {
                    long page = choice.NextInt64(Pages);
                    source.Page(page)[choice.Next(4096)]++;
                    dirty.Set(page);
                }
            });
            bool last = round == Rounds - 1;
            if (last)
            {
                stop.Cancel();
                await guest;
                dirty.DrainInto(pending);
            }

            reader.BeginRound(new PageRound(round, source, pending, null) { MayArriveLater = !last });
            await Task.Run(() => Send(near, reader, output)).WaitAsync(_patience);
            Assert.True(await ended.WaitAsync(_patience)); // the barrier
            stop.Cancel();
            await guest;
            if (!last)
            {
                dirty.DrainInto(pending);
                long from = random.NextInt64(Pages - 500);
                pending.SetRange(new PageRange(from, 500)); // long runs, too
            }
        }

        near.Shutdown(SocketShutdown.Send);
        await receiver.WaitAsync(_patience);
        Assert.True(output.ReferencedBatches > 0);
        TestMemory.AssertEqual(source, destination);
    }

    [Fact]
    public async Task A_stream_blocked_in_a_reference_is_freed_by_a_shutdown()
    {
        using GuestMemory source = TestMemory.Of(20_000);
        TestMemory.Fill(source, 1);
        (Socket near, Socket far) = await ConnectAsync();
        using (near)
        using (far)
        using (var output = new ReferenceSend(force: true))
        {
            Task<int> sending = Task.Run(() => SendRound(near, source, output, mayArriveLater: true));
            await Task.Delay(100);
            Assert.False(sending.IsCompleted);
            near.Shutdown(SocketShutdown.Both);
            Assert.NotEqual(0, await sending.WaitAsync(_patience));
        }
    }

    [Fact]
    public async Task Scattered_pages_arrive_by_reference_too()
    {
        using GuestMemory source = TestMemory.Of(64);
        using GuestMemory destination = TestMemory.Of(64);
        TestMemory.Fill(source, 1);
        for (long page = 0; page < 64; page += 2)
        {
            source.Page(page).Clear();
        }

        (Socket near, Socket far) = await ConnectAsync();
        using (near)
        using (far)
        using (var output = new ReferenceSend(force: true))
        {
            await Task.Run(() => SendRound(near, source, output, mayArriveLater: true)).WaitAsync(_patience);
            await Task.Run(() => ReceiveRound(far, destination)).WaitAsync(_patience);
            Assert.Equal(1, output.ReferencedBatches);
            TestMemory.AssertEqual(source, destination);
        }
    }

    [Fact]
    public async Task Coded_pages_are_copied_for_their_buffer_is_the_next_batchs_too()
    {
        using GuestMemory source = TestMemory.Of(64);
        using GuestMemory destination = TestMemory.Of(64);
        for (long page = 0; page < 64; page++)
        {
            source.Page(page).Fill((byte)(page + 1));
        }

        (Socket near, Socket far) = await ConnectAsync();
        using (near)
        using (far)
        using (var output = new ReferenceSend(force: true))
        {
            using var encoding = new PageEncoding(PageCompression.Lz4, cacheBytes: 0);
            await Task.Run(() => SendRound(near, source, output, mayArriveLater: true, encoding)).WaitAsync(_patience);
            await Task.Run(() => ReceiveRound(far, destination)).WaitAsync(_patience);
            Assert.Equal(64, encoding.Report.Lz4Pages);
            Assert.Equal(0, output.ReferencedBatches);
            TestMemory.AssertEqual(source, destination);
        }
    }

    [Fact]
    public void Only_the_rounds_of_a_running_guest_may_arrive_later()
    {
        string[] files = [.. Directory.EnumerateFiles(Path.Combine(SourceRoot(), "src"), "*.cs", SearchOption.AllDirectories)
            .Where(file => File.ReadAllText(file).Contains("MayArriveLater = ", StringComparison.Ordinal))
            .Select(file => Path.GetFileName(file)!)];
        Assert.Equal(["PreCopyMonitor.cs"], files);
    }

    private static string SourceRoot()
    {
        string directory = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(directory, "PageEngine.sln")))
        {
            directory = Path.GetDirectoryName(directory)!;
        }

        return directory;
    }

    private static int SendRound(Socket socket, GuestMemory memory, ReferenceSend output, bool mayArriveLater, PageEncoding? encoding = null)
    {
        using var pending = new DirtyBitmap(memory.PageCount);
        pending.SetAll();
        using var reader = new PageBatchReader(memory, 0, encoding);
        reader.BeginRound(new PageRound(0, memory, pending, null) { MayArriveLater = mayArriveLater });
        return Send(socket, reader, output);
    }

    private static int Send(Socket socket, PageBatchReader reader, ReferenceSend output)
    {
        ReadResult read;
        do
        {
            reader.TryRead(out read);
            int errno = output.Send(socket.SafeHandle, read.Buffer, reader.MayArriveLater);
            if (errno != 0)
            {
                return errno;
            }

            reader.AdvanceTo(read.Buffer.End);
        }
        while (!read.IsCompleted);
        return 0;
    }

    private static void ReceiveRound(Socket socket, GuestMemory memory)
    {
        using var applier = new PageApplier(memory, keepHashes: false);
        bool ended = false;
        using var writer = new PageBatchWriter(applier, 0, _ => ended = true);
        using var input = new ScatterReceive();
        while (!ended)
        {
            Assert.True(input.Receive(socket.SafeHandle, writer, out int errno) > 0, $"error {errno}");
        }
    }

    // Buffers that hold the small memories of these tests: a send then ends before anything was received.
    private static async Task<(Socket Near, Socket Far)> ConnectAsync()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 1 << 20 };
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var near = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { SendBufferSize = 1 << 20, NoDelay = true };
        Task<Socket> accepting = Task.Run(listener.Accept);
        await Task.Run(() => near.Connect(listener.LocalEndPoint!));
        return (near, await accepting);
    }
}
