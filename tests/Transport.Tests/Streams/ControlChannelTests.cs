using System.Buffers;
using System.IO.Pipelines;
using Xunit;

namespace PageEngine.Transport.Tests.Streams;

/// <summary>What the control channel does over every edge.</summary>
public abstract class ControlChannelTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    private protected abstract Task<(MigrationConnection Source, MigrationConnection Destination)> ConnectAsync();

    [Fact]
    public async Task Frames_travel_both_ways()
    {
        (MigrationConnection s, MigrationConnection d) = await ConnectAsync();
        await using var source = s;
        await using var destination = d;
        IDuplexPipe a = s.OpenControl();
        IDuplexPipe b = d.OpenControl();
        for (int i = 0; i < 50; i++)
        {
            byte[] ping = Frame(i, i == 20 ? 300_000 : 100);
            Task<byte[]> arrives = ReadAsync(b, ping.Length);
            await a.Output.WriteAsync(ping);
            Assert.Equal(ping, await arrives);
            byte[] pong = Frame(i + 1000, 50);
            await b.Output.WriteAsync(pong);
            Assert.Equal(pong, await ReadAsync(a, pong.Length));
        }
    }

    [Fact]
    public async Task Frames_follow_a_preamble()
    {
        (MigrationConnection s, MigrationConnection d) = await ConnectAsync();
        await using var source = s;
        await using var destination = d;
        await s.WritePreambleAsync(new byte[] { 1, 2, 3 }, default);
        IDuplexPipe a = s.OpenControl();
        await a.Output.WriteAsync(new byte[] { 4, 5 });
        byte[] preamble = new byte[3];
        await d.ReadPreambleAsync(preamble, default);
        Assert.Equal([1, 2, 3], preamble);
        Assert.Equal([4, 5], await ReadAsync(d.OpenControl(), 2));
    }

    [Fact]
    public async Task Closed_channel_completes_the_reader_or_fails_it()
    {
        (MigrationConnection s, MigrationConnection d) = await ConnectAsync();
        await using var destination = d;
        IDuplexPipe b = d.OpenControl();
        Task<ReadResult> waiting = b.Input.ReadAsync().AsTask();
        s.OpenControl();
        await s.DisposeAsync();
        try
        {
            Assert.True((await waiting.WaitAsync(_patience)).IsCompleted);
        }
        catch (MigrationException e)
        {
            Assert.Equal(MigrationErrorKind.ConnectionLost, e.Kind);
        }
    }

    [Fact]
    public async Task Abort_frees_whoever_waits_for_a_frame()
    {
        (MigrationConnection s, MigrationConnection d) = await ConnectAsync();
        await using var source = s;
        await using var destination = d;
        IDuplexPipe b = d.OpenControl();
        Task<ReadResult> waiting = b.Input.ReadAsync().AsTask();
        d.Abort();
        MigrationException e = await Assert.ThrowsAsync<MigrationException>(() => waiting.WaitAsync(_patience));
        Assert.Equal(MigrationErrorKind.ConnectionLost, e.Kind);
        await Assert.ThrowsAsync<MigrationException>(async () => await b.Output.WriteAsync(new byte[8]).AsTask().WaitAsync(_patience));
    }

    [Fact]
    public async Task Channel_disposed_by_what_a_frame_led_to_does_not_wait_for_itself()
    {
        (MigrationConnection s, MigrationConnection d) = await ConnectAsync();
        await using var source = s;
        IDuplexPipe a = s.OpenControl();
        IDuplexPipe b = d.OpenControl();
        Task handled = HandleAsync();
        await a.Output.WriteAsync(new byte[] { 1 });
        await handled.WaitAsync(_patience);

        async Task HandleAsync()
        {
            ReadResult read = await b.Input.ReadAsync().ConfigureAwait(false);
            b.Input.AdvanceTo(read.Buffer.End);
            await d.DisposeAsync().ConfigureAwait(false); // on the reading thread, over a socket
        }
    }

    [Fact]
    public async Task Frames_nobody_reads_do_not_keep_the_channel_from_closing()
    {
        (MigrationConnection s, MigrationConnection d) = await ConnectAsync();
        await using var source = s;
        IDuplexPipe a = s.OpenControl();
        d.OpenControl();
        Task writing = Task.Run(async () =>
        {
            for (int i = 0; i < 40; i++)
            {
                await a.Output.WriteAsync(new byte[4096]);
            }
        });
        await Task.WhenAny(writing, Task.Delay(50));
        await d.DisposeAsync().AsTask().WaitAsync(_patience);
        s.Abort();
        await writing.ContinueWith(written => written.Exception, TaskScheduler.Default).WaitAsync(_patience);
    }

    private static byte[] Frame(int seed, int bytes)
    {
        byte[] frame = new byte[bytes];
        new Random(seed).NextBytes(frame);
        return frame;
    }

    private static async Task<byte[]> ReadAsync(IDuplexPipe pipe, int bytes)
    {
        ReadResult read = await pipe.Input.ReadAtLeastAsync(bytes).AsTask().WaitAsync(_patience).ConfigureAwait(false);
        byte[] frame = read.Buffer.ToArray();
        pipe.Input.AdvanceTo(read.Buffer.End);
        return frame;
    }
}
