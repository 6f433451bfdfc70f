using System.Net;
using System.Net.Sockets;
using PageEngine.Transport.Control;

namespace PageEngine.Fault.Tests.Proxy;

// Owns: what stands between a source and a destination: a listening socket, the links through it, and what it does to them.
// The control connection is passed on frame by frame, page streams as they come.

/// <summary>What becomes of a frame.</summary>
internal enum Verdict
{
    Forward,
    Drop,
    Corrupt,
    Duplicate,
    Truncate,
}

internal sealed class FaultProxy : IAsyncDisposable
{
    private readonly List<Socket> _listeners = [];
    private readonly CancellationTokenSource _ended = new();
    private readonly Lock _lock = new();
    private readonly List<ProxyLink> _links = [];
    private readonly List<Task> _running = [];
    private bool _down;

    internal FaultProxy(IPEndPoint destination) => EndPoint = Listen(destination);

    /// <summary>Gets where the source connects to.</summary>
    internal IPEndPoint EndPoint { get; }

    internal Conversation Conversation { get; } = new();

    /// <summary>Gets or sets what is asked about every frame, while it is held back and once it was passed on. What it
    /// answers afterwards does not matter.</summary>
    internal Func<FramePoint, Edge, ValueTask<Verdict>>? OnFrame { get; set; }

    /// <summary>Gets or sets what may change the bytes of a page stream before they are passed on.</summary>
    internal Func<PageBytes, ValueTask>? OnPages { get; set; }

    /// <summary>Gets or sets how long every piece is kept before it is passed on.</summary>
    internal TimeSpan Delay { get; set; }

    /// <summary>Gets or sets the most bytes a second of each page stream; 0: no limit.</summary>
    internal long PageBytesPerSecond { get; set; }

    /// <summary>Gets which ways swallow what comes, while everything stays open.</summary>
    internal HashSet<Way> Swallowing { get; } = [];

    /// <summary>Gets how many connections came.</summary>
    internal int Connections { get; private set; }

    /// <summary>Closes every connection on both sides, after what was passed on already. Whoever comes later is turned away.</summary>
    internal void Cut() => End(link => link.Close());

    /// <summary>The same without a farewell: what is under way is lost.</summary>
    internal void Reset() => End(link => link.Reset());

    /// <summary>Takes everything and passes nothing on; every connection stays open, also those that come later.</summary>
    internal void BlackHole()
    {
        Swallow(Way.ToDestination);
        Swallow(Way.ToSource);
    }

    /// <summary>Closes one way of every connection; the other goes on.</summary>
    internal void HalfOpen(Way closed)
    {
        foreach (ProxyLink link in Links())
        {
            link.CloseWay(closed);
        }
    }

    internal void Swallow(Way way)
    {
        lock (_lock)
        {
            Swallowing.Add(way);
        }
    }

    internal bool Swallows(Way way)
    {
        lock (_lock)
        {
            return Swallowing.Contains(way);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        Cut();
        Task[] running;
        lock (_lock)
        {
            _listeners.ForEach(listener => listener.Dispose());
            running = [.. _running];
        }

        await Task.WhenAll(running);
        _ended.Dispose();
    }

    /// <summary>Where the destination has a place of its own for page streams, they come through here too.</summary>
    internal Memory<byte> Redirect(Memory<byte> frame, uint sequence)
    {
        WelcomeMessage welcome = WelcomeMessage.Read(frame.Span[ControlFrameCodec.HeaderBytes..]);
        if (welcome.DataEndPoint.Length == 0)
        {
            return frame;
        }

        var writer = new PayloadWriter();
        (welcome with { DataEndPoint = Listen(IPEndPoint.Parse(welcome.DataEndPoint)).ToString() }).Write(writer);
        byte[] changed = new byte[ControlFrameCodec.HeaderBytes + writer.Written.Length];
        writer.Written.CopyTo(changed.AsSpan(ControlFrameCodec.HeaderBytes));
        ControlFrameCodec.WriteHeader(changed, ControlKind.Welcome, sequence, writer.Written);
        return changed;
    }

    private IPEndPoint Listen(IPEndPoint destination)
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        lock (_lock)
        {
            _listeners.Add(listener);
            _running.Add(AcceptAsync(listener, destination));
        }

        return (IPEndPoint)listener.LocalEndPoint!;
    }

    private ProxyLink[] Links()
    {
        lock (_lock)
        {
            return [.. _links];
        }
    }

    private void End(Action<ProxyLink> end)
    {
        lock (_lock)
        {
            _down = true;
        }

        foreach (ProxyLink link in Links())
        {
            end(link);
        }
    }

    private async Task AcceptAsync(Socket listener, IPEndPoint destination)
    {
        while (true)
        {
            Socket client;
            try
            {
                client = await listener.AcceptAsync(_ended.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }

            await TakeAsync(client, destination);
        }
    }

    private async Task TakeAsync(Socket client, IPEndPoint destination)
    {
        var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.NoDelay = true;
        try
        {
            await server.ConnectAsync(destination, _ended.Token);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            client.Dispose();
            server.Dispose();
            return;
        }

        var link = new ProxyLink(this, client, server, _ended.Token);
        lock (_lock)
        {
            Connections++;
            if (!_down)
            {
                _links.Add(link);
                _running.Add(link.RunAsync());
                return;
            }
        }

        link.Close();
        await link.RunAsync();
    }
}

/// <summary>Some bytes of a page stream on their way to the destination.</summary>
/// <param name="Stream">Which stream.</param>
/// <param name="Offset">How many bytes of it came before, its first ones not counted.</param>
/// <param name="Bytes">The bytes; may be changed.</param>
internal readonly record struct PageBytes(int Stream, long Offset, Memory<byte> Bytes)
{
    internal bool Covers(long offset) => offset >= Offset && offset < Offset + Bytes.Length;
}
