using System.Net;
using System.Net.Sockets;
using PageEngine.Transport.Edges;

namespace PageEngine.Transport;

// Owns: the listening sockets of a destination. One accept is always under way on each; whoever calls AcceptAsync gets the
// first that ends, and a connection that comes while nobody waits is kept for the next call.

/// <summary>Listens for sources on TCP.</summary>
public sealed class TcpAcceptor : IMigrationAcceptor, IDisposable
{
    private const int Backlog = 128;

    private readonly TcpOptions _options;
    private readonly Lock _lock = new();
    private readonly Socket[] _listeners;
    private readonly Task<Socket>?[] _pending;
    private bool _disposed;

    /// <summary>Listens at once.</summary>
    /// <param name="endPoint">Where; port 0: the system chooses. The IPv6 wildcard takes IPv4 as well.</param>
    /// <param name="options">The options; null: the defaults.</param>
    /// <exception cref="MigrationException">The address cannot be bound, or plain text beyond loopback was not allowed.</exception>
    public TcpAcceptor(IPEndPoint endPoint, TcpOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        _options = options ?? new TcpOptions();
        IPEndPoint[] places = _options.DataListen is { } data ? [endPoint, data] : [endPoint];
        _listeners = new Socket[places.Length];
        _pending = new Task<Socket>?[places.Length];
        try
        {
            for (int i = 0; i < places.Length; i++)
            {
                _listeners[i] = Listen(places[i]);
            }
        }
        catch
        {
            Dispose();
            throw;
        }

        LocalEndPoint = TcpSockets.Plain((IPEndPoint)_listeners[0].LocalEndPoint!);
        DataEndPoint = places.Length == 1 ? null : Edges.DataEndPoint.Format((IPEndPoint)_listeners[1].LocalEndPoint!);
    }

    /// <summary>Gets the end point it listens on, with the port the system chose.</summary>
    public IPEndPoint LocalEndPoint { get; }

    /// <inheritdoc/>
    public string Description => LocalEndPoint.ToString();

    /// <inheritdoc/>
    public string? DataEndPoint { get; }

    /// <inheritdoc/>
    /// <remarks>One call at a time.</remarks>
    public async ValueTask<MigrationConnection> AcceptAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        while (true)
        {
            Task<Socket>[] pending = BeginAccepts();
            Task<Socket> first = await Task.WhenAny(pending).WaitAsync(cancellationToken).ConfigureAwait(false);
            lock (_lock)
            {
                ObjectDisposedException.ThrowIf(_disposed, this);
                _pending[Array.IndexOf(pending, first)] = null;
            }

            try
            {
                return TcpSockets.ToConnection(await first.ConfigureAwait(false), _options);
            }
            catch (Exception e) when (e is SocketException { SocketErrorCode: SocketError.ConnectionAborted or SocketError.ConnectionReset } or MigrationException)
            {
                // It was gone before it was taken: the next one.
            }
        }
    }

    /// <summary>Stops listening. Connections that were accepted stay as they are.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            foreach (Task<Socket>? accept in _pending)
            {
                _ = accept?.ContinueWith(
                    static a => { _ = a.IsCompletedSuccessfully ? Close(a.Result) : a.Exception; },
                    CancellationToken.None,
                    TaskContinuationOptions.ExecuteSynchronously,
                    TaskScheduler.Default);
            }

            foreach (Socket? listener in _listeners)
            {
                listener?.Dispose();
            }
        }
    }

    private static Exception? Close(Socket socket)
    {
        socket.Dispose();
        return null;
    }

    private Task<Socket>[] BeginAccepts()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var pending = new Task<Socket>[_listeners.Length];
            for (int i = 0; i < pending.Length; i++)
            {
                pending[i] = _pending[i] ??= _listeners[i].AcceptAsync();
            }

            return pending;
        }
    }

    private Socket Listen(IPEndPoint place)
    {
        if (!_options.AllowPlaintext && _options.Tls is null && !TcpSockets.IsLoopback(place.Address))
        {
            throw TcpSockets.PlaintextRefused($"The address {TcpSockets.Describe(place)} to listen on");
        }

        var listener = new Socket(place.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (place.Address.Equals(IPAddress.IPv6Any))
            {
                listener.DualMode = true;
            }

            listener.Bind(place);
            listener.Listen(Backlog);
            return listener;
        }
        catch (SocketException e)
        {
            listener.Dispose();
            throw new MigrationException(MigrationErrorKind.Refused,
                $"Cannot listen on {TcpSockets.Describe(place)}: {e.Message}. Choose an address of this host and a port that is free.", e);
        }
    }
}
