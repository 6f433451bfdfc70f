using System.Net;
using System.Net.Sockets;
using PageEngine.Transport;
using PageEngine.Transport.Control;
using Xunit;

namespace PageEngine.Fault.Tests.Proxy;

// Owns: that the proxy does to bytes what a cell asks for.
public sealed class FaultProxyTests : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly FaultProxy _proxy;

    public FaultProxyTests()
    {
        _listener.Start();
        _proxy = new FaultProxy((IPEndPoint)_listener.LocalEndpoint);
    }

    [Fact]
    public async Task Frames_arrive_as_they_were_sent_and_are_named()
    {
        (Socket source, Socket destination) = await ConnectAsync(ConnectionPurpose.Control);
        byte[] frame = Frame(ControlKind.Ping, 1);
        await source.SendAsync(frame);
        Assert.Equal(frame, await ReadAsync(destination, frame.Length));
        Assert.Equal([new FramePoint(Section.Liveness, 0, Way.ToDestination, ControlKind.Ping, 1)], _proxy.Conversation.Seen);
    }

    [Theory]
    [InlineData("Corrupt", 32, true)]
    [InlineData("Duplicate", 64, false)]
    [InlineData("Drop", 0, false)]
    [InlineData("Truncate", 16, false)]
    public async Task Frame_is_changed_as_the_verdict_says(string verdict, int arriving, bool changed)
    {
        int asked = 0;
        _proxy.OnFrame = (_, edge) => ValueTask.FromResult(edge == Edge.Before && asked++ == 0 ? Enum.Parse<Verdict>(verdict) : Verdict.Forward);
        (Socket source, Socket destination) = await ConnectAsync(ConnectionPurpose.Control);
        byte[] frame = Frame(ControlKind.Ping, 1);
        await source.SendAsync(frame);
        source.Shutdown(SocketShutdown.Send);
        byte[] arrived = await ReadAsync(destination, 1000);
        Assert.Equal(arriving, arrived.Length);
        Assert.Equal(changed, arriving >= frame.Length && !arrived.AsSpan(0, frame.Length).SequenceEqual(frame));
    }

    [Fact]
    public async Task Cut_delivers_what_was_passed_on_and_ends_both_ways()
    {
        (Socket source, Socket destination) = await ConnectAsync(ConnectionPurpose.Pages);
        await source.SendAsync(new byte[100]);
        Assert.Equal(100, (await ReadAsync(destination, 100)).Length);
        _proxy.Cut();
        Assert.Empty(await ReadAsync(destination, 1));
        Assert.Empty(await ReadAsync(source, 1));
    }

    [Fact]
    public async Task Black_hole_takes_everything_and_stays_open()
    {
        (Socket source, Socket destination) = await ConnectAsync(ConnectionPurpose.Pages);
        _proxy.BlackHole();
        await source.SendAsync(new byte[100]);
        source.Shutdown(SocketShutdown.Send);
        Task<int> read = destination.ReceiveAsync(new byte[1]);
        Assert.NotSame(read, await Task.WhenAny(read, Task.Delay(200)));
        _proxy.Cut();
        Assert.Equal(0, await read);
    }

    [Fact]
    public async Task Byte_of_a_page_stream_can_be_changed_where_it_stands()
    {
        _proxy.OnPages = bytes =>
        {
            if (bytes.Covers(70_000))
            {
                bytes.Bytes.Span[(int)(70_000 - bytes.Offset)] = 7;
            }

            return ValueTask.CompletedTask;
        };
        (Socket source, Socket destination) = await ConnectAsync(ConnectionPurpose.Pages);
        Task<int> sending = source.SendAsync(new byte[100_000]);
        byte[] arrived = await ReadAsync(destination, 100_000);
        await sending;
        Assert.Equal(70_000, Array.FindIndex(arrived, b => b != 0));
        Assert.Equal(7, arrived.Max());
    }

    public async ValueTask DisposeAsync()
    {
        await _proxy.DisposeAsync();
        _listener.Dispose();
    }

    private static byte[] Frame(ControlKind kind, uint sequence)
    {
        byte[] frame = new byte[ControlFrameCodec.HeaderBytes + 8];
        ControlFrameCodec.WriteHeader(frame, kind, sequence, frame.AsSpan(ControlFrameCodec.HeaderBytes));
        return frame;
    }

    private async Task<(Socket Source, Socket Destination)> ConnectAsync(ConnectionPurpose purpose)
    {
        var source = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await source.ConnectAsync(_proxy.EndPoint);
        byte[] preamble = new ConnectionPreamble(purpose, 0, Guid.Empty).Encode();
        await source.SendAsync(preamble);
        Socket destination = await _listener.AcceptSocketAsync();
        Assert.Equal(preamble, await ReadAsync(destination, preamble.Length));
        return (source, destination);
    }

    private static async Task<byte[]> ReadAsync(Socket socket, int bytes)
    {
        byte[] buffer = new byte[bytes];
        int filled = 0;
        while (filled < bytes && await socket.ReceiveAsync(buffer.AsMemory(filled)) is var count and > 0)
        {
            filled += count;
        }

        return buffer[..filled];
    }
}
