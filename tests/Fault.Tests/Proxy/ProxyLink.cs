using System.Net.Sockets;
using PageEngine.Transport;
using PageEngine.Transport.Control;

namespace PageEngine.Fault.Tests.Proxy;

// Owns: one connection through the proxy: two sockets and a pump for each way. A pump ends with its way.

internal sealed class ProxyLink(FaultProxy proxy, Socket source, Socket destination, CancellationToken ended)
{
    private const int MaxPayload = 512 * 1024;
    private readonly Lock _lock = new();
    private bool _closed;

    /// <summary>Passes on until both ways have ended, and closes both sockets.</summary>
    internal async Task RunAsync()
    {
        try
        {
            byte[] first = new byte[ConnectionPreamble.Bytes];
            if (!await ReadAsync(source, first))
            {
                return;
            }

            ConnectionPreamble preamble = ConnectionPreamble.Decode(first);
            if (!await WriteAsync(Way.ToDestination, first))
            {
                return;
            }

            Task there = preamble.Purpose == ConnectionPurpose.Control ? PumpFramesAsync(Way.ToDestination) : PumpPagesAsync(preamble.StreamIndex);
            Task back = preamble.Purpose == ConnectionPurpose.Control ? PumpFramesAsync(Way.ToSource) : PumpRestAsync(Way.ToSource, new byte[4096]);
            await Task.WhenAll(there, back);
        }
        finally
        {
            Close();
        }
    }

    internal void Close() => End(0);

    internal void Reset() => End(-1);

    internal void CloseWay(Way way)
    {
        lock (_lock)
        {
            if (!_closed && !proxy.Swallows(way))
            {
                Shutdown(To(way), SocketShutdown.Send);
            }
        }
    }

    private Socket From(Way way) => way == Way.ToDestination ? source : destination;

    private Socket To(Way way) => way == Way.ToDestination ? destination : source;

    private void End(int reset)
    {
        lock (_lock)
        {
            if (_closed)
            {
                return;
            }

            _closed = true;
            foreach (Socket socket in (Socket[])[source, destination])
            {
                if (reset != 0)
                {
                    socket.LingerState = new LingerOption(true, 0);
                }
                else
                {
                    Shutdown(socket, SocketShutdown.Both);
                }

                socket.Dispose();
            }
        }
    }

    private static void Shutdown(Socket socket, SocketShutdown how)
    {
        try
        {
            socket.Shutdown(how);
        }
        catch (SocketException)
        {
            // The other end was faster.
        }
    }

    private async Task PumpFramesAsync(Way way)
    {
        byte[] buffer = new byte[ControlFrameCodec.HeaderBytes + MaxPayload];
        uint sequence = 0;
        while (await ReadAsync(From(way), buffer.AsMemory(0, ControlFrameCodec.HeaderBytes)))
        {
            (ControlKind kind, int payload) = ControlFrameCodec.ReadHeader(buffer.AsSpan(0, ControlFrameCodec.HeaderBytes), ++sequence);
            Memory<byte> frame = buffer.AsMemory(0, ControlFrameCodec.HeaderBytes + payload);
            if (!await ReadAsync(From(way), frame[ControlFrameCodec.HeaderBytes..]))
            {
                break;
            }

            if (kind == ControlKind.Welcome)
            {
                frame = proxy.Redirect(frame, sequence);
            }

            FramePoint point = proxy.Conversation.Name(way, kind, frame.Span[ControlFrameCodec.HeaderBytes..]);
            Verdict verdict = proxy.OnFrame is { } before ? await before(point, Edge.Before) : Verdict.Forward;
            if (!await PassOnAsync(way, frame, verdict))
            {
                break;
            }

            if (proxy.OnFrame is { } after)
            {
                await after(point, Edge.After);
            }
        }

        CloseWay(way);
    }

    private async Task<bool> PassOnAsync(Way way, Memory<byte> frame, Verdict verdict)
    {
        await WaitAsync(proxy.Delay);
        switch (verdict)
        {
            case Verdict.Drop:
                return true;
            case Verdict.Corrupt:
                frame.Span[^1] ^= 0x10;
                return await WriteAsync(way, frame);
            case Verdict.Duplicate:
                return await WriteAsync(way, frame) && await WriteAsync(way, frame);
            case Verdict.Truncate:
                await WriteAsync(way, frame[..(frame.Length / 2)]);
                Close();
                return false;
            default:
                return await WriteAsync(way, frame);
        }
    }

    private async Task PumpPagesAsync(int stream)
    {
        byte[] buffer = new byte[64 * 1024];
        long offset = 0;
        while (await ReceiveAsync(source, buffer) is var count and > 0)
        {
            if (proxy.OnPages is { } change)
            {
                await change(new PageBytes(stream, offset, buffer.AsMemory(0, count)));
            }

            await WaitAsync(proxy.Delay);
            if (proxy.PageBytesPerSecond is var limit and > 0)
            {
                await WaitAsync(TimeSpan.FromSeconds((double)count / limit));
            }

            offset += count;
            if (!await WriteAsync(Way.ToDestination, buffer.AsMemory(0, count)))
            {
                break;
            }
        }

        CloseWay(Way.ToDestination);
    }

    private async Task PumpRestAsync(Way way, byte[] buffer)
    {
        while (await ReceiveAsync(From(way), buffer) is var count and > 0 && await WriteAsync(way, buffer.AsMemory(0, count)))
        {
        }

        CloseWay(way);
    }

    private async Task WaitAsync(TimeSpan time)
    {
        if (time > TimeSpan.Zero)
        {
            await Task.Delay(time, ended).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    private static async Task<bool> ReadAsync(Socket socket, Memory<byte> buffer)
    {
        while (buffer.Length > 0)
        {
            int count = await ReceiveAsync(socket, buffer);
            if (count == 0)
            {
                return false;
            }

            buffer = buffer[count..];
        }

        return true;
    }

    private static async Task<int> ReceiveAsync(Socket socket, Memory<byte> buffer)
    {
        try
        {
            return await socket.ReceiveAsync(buffer);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return 0;
        }
    }

    // What is swallowed has been passed on as far as this side can tell.
    private async Task<bool> WriteAsync(Way way, ReadOnlyMemory<byte> bytes)
    {
        if (proxy.Swallows(way))
        {
            return true;
        }

        try
        {
            while (bytes.Length > 0)
            {
                bytes = bytes[await To(way).SendAsync(bytes)..];
            }

            return true;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return false;
        }
    }
}
