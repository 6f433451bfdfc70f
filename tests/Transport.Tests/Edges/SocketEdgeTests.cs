using System.IO.Pipelines;
using System.Net.Sockets;
using PageEngine.Bitmaps;
using PageEngine.Memory;
using PageEngine.Streaming;
using PageEngine.Tests.Streaming;
using PageEngine.Transport.Edges;
using PageEngine.Transport.Interop;
using PageEngine.Transport.Tests.Streams;
using Xunit;

namespace PageEngine.Transport.Tests.Edges;

/// <summary>What only sockets can do wrong. Alone in the process: they count its threads and descriptors.</summary>
[Collection(nameof(AloneInTheProcess))]
public class SocketEdgeTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Nothing_is_left_of_connections_that_were_aborted_while_blocked()
    {
        using GuestMemory memory = TestMemory.Of(20_000);
        TestMemory.Fill(memory, 1);
        using var pending = new DirtyBitmap(memory.PageCount);
        await BlockAndAbortAsync(memory, pending);
        int threads = EngineThreadsInTheEnd();
        int sockets = Sockets();
        for (int i = 0; i < 10; i++)
        {
            await BlockAndAbortAsync(memory, pending);
        }

        Assert.Equal(0, threads);
        Assert.Equal(0, EngineThreadsInTheEnd());
        Assert.Equal(sockets, Sockets());
    }

    [Fact]
    public async Task Descriptor_is_closed_only_after_its_threads_have_ended()
    {
        (MigrationConnection s, MigrationConnection d) = await Connections.TcpAsync();
        await using var source = s;
        var connection = (SocketConnection)d;
        using var release = new ManualResetEventSlim();
        connection.StartThread("pageengine-test", release.Wait);
        Task disposal = d.DisposeAsync().AsTask();
        await Task.Delay(20);
        Assert.False(disposal.IsCompleted);
        Assert.False(connection.Handle.IsClosed);
        release.Set();
        await disposal.WaitAsync(_patience);
        Assert.True(connection.Handle.IsClosed);
        Assert.Equal(0, EngineThreadsInTheEnd());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Tiny_buffers_and_interrupted_calls_lose_nothing(bool nonBlocking)
    {
        using GuestMemory source = TestMemory.Of(300, 400);
        using GuestMemory destination = TestMemory.Of(300, 400);
        TestMemory.Fill(source, 1);
        await using StreamRig rig = await StreamRig.StartAsync(source, destination, 1, async () =>
        {
            (MigrationConnection s, MigrationConnection d) = await Connections.TcpAsync();
            foreach (SocketConnection connection in new[] { (SocketConnection)s, (SocketConnection)d })
            {
                using var socket = new Socket(new SafeSocketHandle(connection.Handle.DangerousGetHandle(), ownsHandle: false));

                // Less than two segments of loopback (64 KiB each) to receive into, and the sender waits for its timer.
                socket.SendBufferSize = 16 * 1024;
                socket.ReceiveBufferSize = 256 * 1024;

                // A socket that somebody made non-blocking takes what fits, and asks to come again.
                int flags = Libc.fcntl(connection.Handle, Libc.F_GETFL, 0);
                Assert.Equal(0, flags & Libc.O_NONBLOCK);
                _ = nonBlocking ? Libc.fcntl(connection.Handle, Libc.F_SETFL, flags | Libc.O_NONBLOCK) : 0;
            }

            return (s, d);
        });
        for (long page = 0; page < source.PageCount; page += 2)
        {
            rig.Pending.Set(page);
        }

        await rig.RunRoundAsync();
        rig.Pending.SetAll();
        await rig.RunRoundAsync();
        TestMemory.AssertEqual(source, destination);
    }

    [Fact]
    public async Task Garbage_collections_in_the_middle_of_sends_lose_nothing()
    {
        using GuestMemory source = TestMemory.Of(20_000);
        using GuestMemory destination = TestMemory.Of(20_000);
        TestMemory.Fill(source, 1);
        await using StreamRig rig = await StreamRig.StartAsync(source, destination, 2, Connections.TcpAsync);
        using var stop = new CancellationTokenSource();
        Task collector = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                GC.Collect(0); // the runtime stops threads with a signal, which interrupts system calls
                Thread.Sleep(1);
            }
        });
        for (int i = 0; i < 3; i++)
        {
            rig.Pending.SetAll();
            await rig.RunRoundAsync();
        }

        stop.Cancel();
        await collector;
        TestMemory.AssertEqual(source, destination);
    }

    [Fact]
    public async Task Control_frames_are_handled_on_the_thread_that_reads_them()
    {
        (MigrationConnection s, MigrationConnection d) = await Connections.TcpAsync();
        await using var source = s;
        await using var destination = d;
        PipeReader reader = d.OpenControl().Input;
        Task<string?> handled = HandleAsync();
        await s.OpenControl().Output.WriteAsync(new byte[] { 1 });
        Assert.Equal("pageengine-control", await handled.WaitAsync(_patience));

        async Task<string?> HandleAsync()
        {
            ReadResult read = await reader.ReadAsync().ConfigureAwait(false);
            reader.AdvanceTo(read.Buffer.End);
            return Thread.CurrentThread.Name;
        }
    }

    [Fact]
    public async Task Page_streams_have_threads_of_their_own_that_the_system_shows_by_name()
    {
        (MigrationConnection s, MigrationConnection d) = await Connections.TcpAsync();
        await using var source = s;
        await using var destination = d;
        using GuestMemory memory = TestMemory.Of(16);
        await using PageSender sender = PageSender.Create(s, memory, 0, new PageSending(new BandwidthPacer(0, TimeProvider.System)));
        using var applier = new PageApplier(memory, keepHashes: false);
        await using PageReceiver receiver = PageReceiver.Start(d, applier, 0, _ => { });

        // The kernel keeps 15 characters. A thread gives itself its name when it first runs.
        foreach (string expected in new[] { "pageengine-send", "pageengine-rece" })
        {
            Assert.True(SpinWait.SpinUntil(() => Directory.GetDirectories("/proc/self/task").Select(NameOf).Contains(expected), _patience), expected);
        }

        static string NameOf(string thread)
        {
            try
            {
                return File.ReadAllText(Path.Combine(thread, "comm")).Trim();
            }
            catch (Exception e) when (e is IOException)
            {
                // It ended meanwhile.
                return "";
            }
        }
    }

    [Fact]
    public async Task Silent_peer_is_noticed_by_the_timeout_for_unacknowledged_bytes()
    {
        (MigrationConnection s, MigrationConnection d) = await Connections.TcpAsync();
        await using var source = s;
        await using var destination = d;
        using var socket = new Socket(new SafeSocketHandle(((SocketConnection)s).Handle.DangerousGetHandle(), ownsHandle: false));
        byte[] timeout = new byte[4];
        socket.GetRawSocketOption(Libc.SOL_TCP, Libc.TCP_USER_TIMEOUT, timeout);
        Assert.Equal(20_000, BitConverter.ToInt32(timeout));
        Assert.True(socket.NoDelay);
        Assert.NotEqual(0, (int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive)!);
        Assert.InRange((int)socket.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime)!, 1, 20);

        socket.SetRawSocketOption(Libc.SOL_TCP, Libc.TCP_USER_TIMEOUT, BitConverter.GetBytes(1000));
        using GuestMemory memory = TestMemory.Of(20_000);
        TestMemory.Fill(memory, 1);
        using var pending = new DirtyBitmap(memory.PageCount);
        pending.SetAll();
        await using PageSender sender = PageSender.Create(s, memory, 0, new PageSending(new BandwidthPacer(0, TimeProvider.System)));
        Task sending = sender.SendRoundAsync(new PageRound(0, memory, pending, null), default); // nobody reads
        MigrationException e = await Assert.ThrowsAsync<MigrationException>(() => sending.WaitAsync(_patience));
        Assert.Equal(MigrationErrorKind.Timeout, e.Kind);
        Assert.True(pending.Any());
    }

    private static async Task BlockAndAbortAsync(GuestMemory memory, DirtyBitmap pending)
    {
        pending.SetAll();
        (MigrationConnection s, MigrationConnection d) = await Connections.TcpAsync();
        PageSender sender = PageSender.Create(s, memory, 0, new PageSending(new BandwidthPacer(0, TimeProvider.System)));
        Task sending = sender.SendRoundAsync(new PageRound(0, memory, pending, null), default);
        using var applier = new PageApplier(memory, keepHashes: false);
        (MigrationConnection s2, MigrationConnection d2) = await Connections.TcpAsync();
        PageReceiver receiver = PageReceiver.Start(d2, applier, 0, _ => { });
        s2.OpenControl();
        await Task.Delay(10);
        Assert.False(sending.IsCompleted);
        await sender.DisposeAsync().AsTask().WaitAsync(_patience);
        await receiver.DisposeAsync().AsTask().WaitAsync(_patience);
        await d.DisposeAsync().AsTask().WaitAsync(_patience);
        await s2.DisposeAsync().AsTask().WaitAsync(_patience);
        await Assert.ThrowsAsync<MigrationException>(() => sending);
        await Assert.ThrowsAsync<MigrationException>(() => receiver.Completion);
    }

    // A thread that was joined may be listed for a moment longer.
    private static int EngineThreadsInTheEnd()
    {
        SpinWait.SpinUntil(() => EngineThreads() == 0, TimeSpan.FromSeconds(10));
        return EngineThreads();
    }

    private static int EngineThreads() => Directory.EnumerateDirectories("/proc/self/task")
        .Count(t => NameOf(t).StartsWith("pageengine", StringComparison.Ordinal));

    private static string NameOf(string task)
    {
        try
        {
            return File.ReadAllText(Path.Combine(task, "comm"));
        }
        catch (IOException)
        {
            return string.Empty; // it ended meanwhile
        }
    }

    private static int Sockets() => Directory.EnumerateFiles("/proc/self/fd")
        .Count(f => new FileInfo(f).LinkTarget?.StartsWith("socket:", StringComparison.Ordinal) == true);
}
