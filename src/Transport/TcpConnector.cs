using System.Net;
using System.Net.Sockets;
using PageEngine.Transport.Edges;

namespace PageEngine.Transport;

// Owns: how a source reaches a destination over TCP. Sockets are connected by blocking calls on threads of their own: one
// asynchronous call would register them with the runtime's event loop, which would then wake for every packet of pages.

/// <summary>Connects to a destination over TCP.</summary>
public sealed class TcpConnector : IMigrationConnector
{
    private readonly EndPoint _endPoint;
    private readonly TcpOptions _options;

    // The address that the control channel reached: a name may stand for several hosts, and pages must go to the same one.
    private IPEndPoint? _reached;

    /// <summary>Makes a connector.</summary>
    /// <param name="endPoint">An <see cref="IPEndPoint"/> or a <see cref="DnsEndPoint"/>.</param>
    /// <param name="options">The options; null: the defaults.</param>
    public TcpConnector(EndPoint endPoint, TcpOptions? options = null)
    {
        if (endPoint is not (IPEndPoint or DnsEndPoint))
        {
            throw new ArgumentException("The end point must be an IPEndPoint or a DnsEndPoint.", nameof(endPoint));
        }

        _endPoint = endPoint;
        _options = options ?? new TcpOptions();
    }

    /// <inheritdoc/>
    public string Description => TcpSockets.Describe(_endPoint);

    /// <inheritdoc/>
    /// <exception cref="MigrationException">Nothing answered, or plain text beyond loopback was not allowed.</exception>
    public async ValueTask<MigrationConnection> ConnectAsync(ConnectionPurpose purpose, string? dataEndPoint, CancellationToken cancellationToken)
    {
        EndPoint known = _reached ?? _endPoint;
        EndPoint target = purpose == ConnectionPurpose.Pages && dataEndPoint is not null
            ? DataEndPoint.Parse(dataEndPoint, known)
            : purpose == ConnectionPurpose.Pages ? known : _endPoint;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(_options.ConnectTimeout);
        try
        {
            Socket socket = await ConnectAsync(target, limit.Token).ConfigureAwait(false);
            if (purpose != ConnectionPurpose.Pages)
            {
                _reached = TcpSockets.Plain((IPEndPoint)socket.RemoteEndPoint!);
            }

            return await TcpSockets.ToConnectionAsync(socket, purpose, _options, NameOf(target), limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw Unreachable(target, e, limit.IsCancellationRequested);
        }
    }

    // An address that a name stood for has the name's certificate.
    private EndPoint NameOf(EndPoint target) => _endPoint is DnsEndPoint && target is IPEndPoint ip && ip.Address.Equals(_reached?.Address) ? _endPoint : target;

    private async Task<Socket> ConnectAsync(EndPoint target, CancellationToken cancellationToken)
    {
        IPAddress[] addresses = await ResolveAsync(target, cancellationToken).ConfigureAwait(false);
        int port = target is IPEndPoint ip ? ip.Port : ((DnsEndPoint)target).Port;
        SocketException? failure = null;
        foreach (IPAddress address in addresses)
        {
            try
            {
                return await ConnectAsync(new IPEndPoint(address, port), cancellationToken).ConfigureAwait(false);
            }
            catch (SocketException e)
            {
                cancellationToken.ThrowIfCancellationRequested();
                failure = e;
            }
        }

        throw failure ?? new SocketException((int)SocketError.HostNotFound);
    }

    private async Task<IPAddress[]> ResolveAsync(EndPoint target, CancellationToken cancellationToken)
    {
        IPAddress[] addresses = target is IPEndPoint ip
            ? [ip.Address]
            : await Dns.GetHostAddressesAsync(((DnsEndPoint)target).Host, cancellationToken).ConfigureAwait(false);
        if (!_options.AllowPlaintext && _options.Tls is null && addresses.FirstOrDefault(a => !TcpSockets.IsLoopback(a)) is { } beyond)
        {
            throw TcpSockets.PlaintextRefused($"The destination {TcpSockets.Describe(target)} ({beyond})");
        }

        return _options.BindAddress is { } bind
            ? [.. addresses.Where(a => a.AddressFamily == bind.AddressFamily)]
            : addresses;
    }

    private async Task<Socket> ConnectAsync(IPEndPoint target, CancellationToken cancellationToken)
    {
        var socket = new Socket(target.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (_options.BindAddress is { } bind)
            {
                socket.Bind(new IPEndPoint(bind, 0));
            }

            if (_options.CongestionControl is { } congestionControl)
            {
                TcpSockets.SetCongestionControl(socket, congestionControl);
            }

            // Disposing wakes the thread that is blocked in the connect.
            using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(static s => ((Socket)s!).Dispose(), socket);
            await Task.Factory.StartNew(() => socket.Connect(target), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).ConfigureAwait(false);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private MigrationException Unreachable(EndPoint target, Exception cause, bool timedOut)
    {
        string where = TcpSockets.Describe(target);
        return timedOut || cause is SocketException { SocketErrorCode: SocketError.TimedOut }
            ? new MigrationException(MigrationErrorKind.Timeout,
                $"{where} did not answer within {_options.ConnectTimeout.TotalSeconds:0.#} s. Check that the destination is listening there and that no firewall drops the port.", cause)
            : new MigrationException(MigrationErrorKind.ConnectionLost,
                $"Cannot connect to {where}: {cause.Message}. Start the destination first, and check the address and the port.", cause);
    }
}
