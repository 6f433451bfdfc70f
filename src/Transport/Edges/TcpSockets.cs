using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using PageEngine.Transport.Interop;

namespace PageEngine.Transport.Edges;

// Owns: what every TCP socket of the engine is set to, and how its ends are written for people. Buffers are the system's:
// autotuned ones are as fast as any fixed size that was tried, and faster than most.

internal static class TcpSockets
{
    private const int KeepAliveProbes = 3;

    /// <summary>Makes a connection of a connected socket, which it owns from then on. With an identity in the options it is
    /// one of a destination, whose peer has to prove itself.</summary>
    internal static MigrationConnection ToConnection(Socket socket, TcpOptions options)
    {
        (IPEndPoint local, IPEndPoint remote) = Prepare(socket, options);
        bool isLocal = IsThisMachine(local, remote);
        var connection = new SocketConnection(socket, remote.ToString(), isLocal);
        return options.Tls is { } identity ? new TlsAcceptedConnection(connection, identity) : connection;
    }

    /// <summary>Makes a source's connection of a connected socket, which it owns from then on.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="purpose">What it will carry: pages are sealed one by one, and begin in the clear.</param>
    /// <param name="options">The options.</param>
    /// <param name="target">What was connected to: its certificate must be for that.</param>
    /// <param name="cancellationToken">Ends a handshake.</param>
    internal static async Task<MigrationConnection> ToConnectionAsync(Socket socket, ConnectionPurpose purpose, TcpOptions options, EndPoint target, CancellationToken cancellationToken)
    {
        (IPEndPoint local, IPEndPoint remote) = Prepare(socket, options);
        bool isLocal = IsThisMachine(local, remote);
        if (options.Tls is not { } identity || purpose == ConnectionPurpose.Pages)
        {
            return new SocketConnection(socket, remote.ToString(), isLocal);
        }

        string name = target is DnsEndPoint dns ? dns.Host : remote.Address.ToString();
        SslStream stream = await TlsHandshake.AsSourceAsync(socket, identity, name, remote.ToString(), cancellationToken).ConfigureAwait(false);
        return TlsHandshake.ToConnection(stream, remote.ToString(), local.ToString(), isLocal);
    }

    private static bool IsThisMachine(IPEndPoint local, IPEndPoint remote) => IPAddress.IsLoopback(remote.Address) || remote.Address.Equals(local.Address);

    private static (IPEndPoint Local, IPEndPoint Remote) Prepare(Socket socket, TcpOptions options)
    {
        try
        {
            socket.NoDelay = true;
            int milliseconds = (int)Math.Clamp(options.UserTimeout.TotalMilliseconds, 1, int.MaxValue);
            int seconds = Math.Max(1, milliseconds / 1000 / (KeepAliveProbes + 1));
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, seconds);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, seconds);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, KeepAliveProbes);
            socket.SetRawSocketOption(Libc.SOL_TCP, Libc.TCP_USER_TIMEOUT, BitConverter.GetBytes(milliseconds));
            return (Plain((IPEndPoint)socket.LocalEndPoint!), Plain((IPEndPoint)socket.RemoteEndPoint!));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            socket.Dispose();
            throw ConnectionErrors.From(e, "the other host", "starting");
        }
    }

    /// <summary>Chooses how the socket shares the network with others; before it is connected.</summary>
    /// <exception cref="MigrationException">The kernel does not have it.</exception>
    internal static void SetCongestionControl(Socket socket, string name)
    {
        try
        {
            socket.SetRawSocketOption(Libc.SOL_TCP, Libc.TCP_CONGESTION, Encoding.ASCII.GetBytes(name));
        }
        catch (SocketException e)
        {
            throw new MigrationException(MigrationErrorKind.Refused,
                $"This kernel does not offer the congestion control '{name}' ({e.Message}). Choose one of those in /proc/sys/net/ipv4/tcp_available_congestion_control, or load its module (modprobe tcp_{name}).", e);
        }
    }

    /// <summary>Gets an IPv4 address that a dual-stack socket shows as IPv6 as what it is.</summary>
    internal static IPEndPoint Plain(IPEndPoint endPoint) => endPoint.Address.IsIPv4MappedToIPv6
        ? new IPEndPoint(endPoint.Address.MapToIPv4(), endPoint.Port)
        : endPoint;

    internal static bool IsLoopback(IPAddress address) =>
        IPAddress.IsLoopback(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address);

    /// <summary>Writes an end point for people: a name without the family that its type would add.</summary>
    internal static string Describe(EndPoint endPoint) => endPoint switch
    {
        DnsEndPoint name => $"{name.Host}:{name.Port}",
        IPEndPoint address => Plain(address).ToString(),
        _ => endPoint.ToString() ?? "an unknown end point",
    };

    /// <summary>Makes the refusal of plain text beyond loopback.</summary>
    /// <param name="what">What was asked for, as the beginning of a sentence.</param>
    internal static MigrationException PlaintextRefused(string what) =>
        new(MigrationErrorKind.Refused,
            $"{what} is not on this host's loopback, and guest memory would cross the network unencrypted. Give both sides certificates (Tls; --tls-cert, --tls-key and --tls-ca on the command line), or allow plain text explicitly (AllowPlaintext; --plaintext) if the network is trusted.");
}
