using System.IO.Pipelines;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using PageEngine.Transport.Control;
using Xunit;

namespace PageEngine.Transport.Tests.Control;

public class ControlChannelTests
{
    private static (ControlChannel Left, ControlChannel Right, Pipe ToRight) Pair()
    {
        var toRight = new Pipe();
        var toLeft = new Pipe();
        return (new ControlChannel(new DuplexPipe(toLeft.Reader, toRight.Writer)),
            new ControlChannel(new DuplexPipe(toRight.Reader, toLeft.Writer)), toRight);
    }

    [Fact]
    public async Task Frames_sent_in_order_arrive_in_order_with_their_payload()
    {
        (ControlChannel left, ControlChannel right, _) = Pair();
        for (ulong i = 0; i < 100; i++)
        {
            await left.SendAsync(ControlKind.Ping, new PingMessage(i), static (m, w) => m.Write(w));
        }

        for (ulong i = 0; i < 100; i++)
        {
            ControlFrame frame = await right.ReceiveAsync();
            Assert.Equal(ControlKind.Ping, frame.Kind);
            Assert.Equal(i, PingMessage.Read(frame.Payload.Span, frame.Kind).Stamp);
        }
    }

    [Fact]
    public async Task Many_threads_sending_at_once_keep_every_frame_whole()
    {
        (ControlChannel left, ControlChannel right, _) = Pair();
        Task[] senders = [.. Enumerable.Range(0, 4).Select(t => Task.Run(async () =>
        {
            for (int i = 0; i < 250; i++)
            {
                await left.SendAsync(ControlKind.Ping, new PingMessage((ulong)((t * 1000) + i)), static (m, w) => m.Write(w));
            }
        }))];
        var seen = new HashSet<ulong>();
        for (int i = 0; i < 1000; i++)
        {
            ControlFrame frame = await right.ReceiveAsync();
            Assert.True(seen.Add(PingMessage.Read(frame.Payload.Span, frame.Kind).Stamp));
        }

        await Task.WhenAll(senders);
    }

    [Fact]
    public async Task A_frame_larger_than_the_pipes_threshold_arrives()
    {
        (ControlChannel left, ControlChannel right, _) = Pair();
        byte[] chunk = new byte[ControlFrameCodec.MaxChunkBytes];
        new System.Random(1).NextBytes(chunk);
        Task send = left.SendAsync(ControlKind.DeviceState, chunk, static (c, w) => DeviceStateMessage.Write(w, 7, c)).AsTask();
        ControlFrame frame = await right.ReceiveAsync();
        await send;
        Assert.Equal(7, DeviceStateMessage.Read(frame.Payload.Span, out ReadOnlySpan<byte> received));
        Assert.True(received.SequenceEqual(chunk));
    }

    [Fact]
    public async Task A_closed_connection_is_reported_as_lost()
    {
        (_, ControlChannel right, Pipe toRight) = Pair();
        await toRight.Writer.CompleteAsync();
        MigrationException e = await Assert.ThrowsAsync<MigrationException>(async () => await right.ReceiveAsync());
        Assert.Equal(MigrationErrorKind.ConnectionLost, e.Kind);
    }

    [Fact]
    public async Task A_connection_cut_inside_a_frame_is_reported_as_lost()
    {
        byte[] frame = await FrameAsync(5);
        (_, ControlChannel right, Pipe toRight) = Pair();
        await toRight.Writer.WriteAsync(frame.AsMemory(0, frame.Length - 1));
        await toRight.Writer.CompleteAsync();
        MigrationException e = await Assert.ThrowsAsync<MigrationException>(async () => await right.ReceiveAsync());
        Assert.Equal(MigrationErrorKind.ConnectionLost, e.Kind);
    }

    [Fact]
    public async Task A_repeated_frame_is_refused()
    {
        byte[] frame = await FrameAsync(5);
        (_, ControlChannel right, Pipe toRight) = Pair();
        await toRight.Writer.WriteAsync(frame);
        await toRight.Writer.WriteAsync(frame);
        _ = await right.ReceiveAsync();
        MigrationException e = await Assert.ThrowsAsync<MigrationException>(async () => await right.ReceiveAsync());
        Assert.Equal(MigrationErrorKind.ProtocolViolation, e.Kind);
    }

    [Fact]
    public async Task An_announced_length_above_the_limit_is_refused_before_the_payload_is_read()
    {
        byte[] frame = await FrameAsync(5);
        BitConverter.TryWriteBytes(frame.AsSpan(8), uint.MaxValue);
        (_, ControlChannel right, Pipe toRight) = Pair();
        await toRight.Writer.WriteAsync(frame.AsMemory(0, ControlFrameCodec.HeaderBytes));
        long before = GC.GetAllocatedBytesForCurrentThread();
        MigrationException e = await Assert.ThrowsAsync<MigrationException>(async () => await right.ReceiveAsync());
        Assert.Equal(MigrationErrorKind.ProtocolViolation, e.Kind);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1_000_000);
    }

    [Property(MaxTest = 300)]
    public Property Any_changed_byte_of_a_frame_is_recognised() => Prop.ForAll(
        ArbMap.Default.ArbFor<ulong>(), Gen.Choose(0, ControlFrameCodec.HeaderBytes + 7).ToArbitrary(), Gen.Choose(1, 255).ToArbitrary(), (stamp, at, flip) =>
        {
            byte[] frame = FrameAsync(stamp).GetAwaiter().GetResult();
            frame[at] ^= (byte)flip;
            (_, ControlChannel right, Pipe toRight) = Pair();
            toRight.Writer.WriteAsync(frame).AsTask().Wait();
            toRight.Writer.Complete();
            MigrationException e = Assert.ThrowsAsync<MigrationException>(async () => await right.ReceiveAsync()).Result;
            // A longer length, still under the kind's limit, waits for bytes that never come.
            return e.Kind == MigrationErrorKind.ProtocolViolation || (e.Kind == MigrationErrorKind.ConnectionLost && at is >= 8 and < 12);
        });

    private static async Task<byte[]> FrameAsync(ulong stamp)
    {
        var pipe = new Pipe();
        var channel = new ControlChannel(new DuplexPipe(new Pipe().Reader, pipe.Writer));
        await channel.SendAsync(ControlKind.Ping, new PingMessage(stamp), static (m, w) => m.Write(w));
        ReadResult result = await pipe.Reader.ReadAsync();
        return System.Buffers.BuffersExtensions.ToArray(result.Buffer);
    }

    private sealed class DuplexPipe(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}
