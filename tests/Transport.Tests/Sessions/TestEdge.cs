using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace PageEngine.Transport.Tests.Sessions;

// Owns: both ends of a network inside this process: sockets, pipes or streams. It knows every connection it handed out, so
// that a test can cut them.

/// <summary>A connector and an acceptor that belong together.</summary>
internal abstract class TestEdge : IMigrationConnector, IMigrationAcceptor, IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly List<MigrationConnection> _atSource = [];
    private readonly List<MigrationConnection> _atDestination = [];

    public string Description => GetType().Name;

    public virtual string? DataEndPoint => null;

    /// <summary>Called before a connection is opened; may throw.</summary>
    internal Action<ConnectionPurpose>? BeforeConnect { get; set; }

    public async ValueTask<MigrationConnection> ConnectAsync(ConnectionPurpose purpose, string? dataEndPoint, CancellationToken cancellationToken)
    {
        BeforeConnect?.Invoke(purpose);
        return Keep(_atSource, await OpenAsync(purpose, dataEndPoint, cancellationToken));
    }

    public async ValueTask<MigrationConnection> AcceptAsync(CancellationToken cancellationToken) => Keep(_atDestination, await TakeAsync(cancellationToken));

    internal void CutAtSource() => Cut(_atSource);

    internal void CutAtDestination() => Cut(_atDestination);

    public abstract ValueTask DisposeAsync();

    protected abstract ValueTask<MigrationConnection> OpenAsync(ConnectionPurpose purpose, string? dataEndPoint, CancellationToken cancellationToken);

    protected abstract ValueTask<MigrationConnection> TakeAsync(CancellationToken cancellationToken);

    private MigrationConnection Keep(List<MigrationConnection> list, MigrationConnection connection)
    {
        lock (_gate)
        {
            list.Add(connection);
        }

        return connection;
    }

    private void Cut(List<MigrationConnection> list)
    {
        MigrationConnection[] all;
        lock (_gate)
        {
            all = [.. list];
        }

        foreach (MigrationConnection connection in all)
        {
            connection.Abort();
        }
    }
}

internal sealed class SocketEdge : TestEdge
{
    private readonly TcpAcceptor _acceptor = new(new IPEndPoint(IPAddress.Loopback, 0));
    private readonly TcpConnector _connector;

    internal SocketEdge() => _connector = new TcpConnector(_acceptor.LocalEndPoint);

    internal IPEndPoint EndPoint => _acceptor.LocalEndPoint;

    internal void StopListening() => _acceptor.Dispose();

    public override ValueTask DisposeAsync()
    {
        _acceptor.Dispose();
        return ValueTask.CompletedTask;
    }

    protected override ValueTask<MigrationConnection> OpenAsync(ConnectionPurpose purpose, string? dataEndPoint, CancellationToken cancellationToken) =>
        _connector.ConnectAsync(purpose, dataEndPoint, cancellationToken);

    protected override ValueTask<MigrationConnection> TakeAsync(CancellationToken cancellationToken) => _acceptor.AcceptAsync(cancellationToken);
}

internal sealed class DuplexEnd(PipeReader input, PipeWriter output) : IDuplexPipe
{
    public PipeReader Input => input;

    public PipeWriter Output => output;

    internal static (DuplexEnd Left, DuplexEnd Right) Pair()
    {
        var options = new PipeOptions(pauseWriterThreshold: 1 << 20, resumeWriterThreshold: 1 << 19, useSynchronizationContext: false);
        var toRight = new Pipe(options);
        var toLeft = new Pipe(options);
        return (new DuplexEnd(toLeft.Reader, toRight.Writer), new DuplexEnd(toRight.Reader, toLeft.Writer));
    }
}

internal sealed class PipeEdge : TestEdge
{
    private readonly Channel<MigrationConnection> _arriving = Channel.CreateUnbounded<MigrationConnection>();

    /// <summary>Opens a connection whose near end the test itself writes and reads.</summary>
    internal DuplexEnd OpenRaw()
    {
        (DuplexEnd near, DuplexEnd far) = DuplexEnd.Pair();
        _arriving.Writer.TryWrite(MigrationConnection.FromPipe(far, "a raw client"));
        return near;
    }

    public override async ValueTask DisposeAsync()
    {
        while (_arriving.Reader.TryRead(out MigrationConnection? unused))
        {
            await unused.DisposeAsync();
        }
    }

    protected override ValueTask<MigrationConnection> OpenAsync(ConnectionPurpose purpose, string? dataEndPoint, CancellationToken cancellationToken) =>
        ValueTask.FromResult(MigrationConnection.FromPipe(OpenRaw(), "the destination's pipe"));

    protected override ValueTask<MigrationConnection> TakeAsync(CancellationToken cancellationToken) => _arriving.Reader.ReadAsync(cancellationToken);
}

internal sealed class StreamEdge : TestEdge
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    internal StreamEdge() => _listener.Start();

    public override ValueTask DisposeAsync()
    {
        _listener.Stop();
        return ValueTask.CompletedTask;
    }

    protected override async ValueTask<MigrationConnection> OpenAsync(ConnectionPurpose purpose, string? dataEndPoint, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(_listener.LocalEndpoint, cancellationToken);
        return MigrationConnection.FromStream(new NetworkStream(socket, ownsSocket: true), "the destination's stream");
    }

    protected override async ValueTask<MigrationConnection> TakeAsync(CancellationToken cancellationToken) =>
        MigrationConnection.FromStream(new NetworkStream(await _listener.AcceptSocketAsync(cancellationToken), ownsSocket: true), "the source's stream");
}
