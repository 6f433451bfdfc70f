using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using PageEngine.Transport;

namespace PageEngine.Bench.Paired;

// Owns: page streams over the framework's TLS: what encryption costs that is not built for pages.

/// <summary>TLS 1.3 connections on loopback with a certificate made for the run.</summary>
internal sealed class TlsConnections : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

    internal TlsConnections()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
    }

    internal int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    internal async Task<MigrationConnection> AcceptAsync()
    {
        Socket socket = await _listener.AcceptAsync();
        socket.NoDelay = true;
#pragma warning disable CA5359 // The measure is the cipher's rate between two processes of one benchmark on loopback.
        var stream = new SslStream(new NetworkStream(socket, ownsSocket: true), leaveInnerStreamOpen: false, (_, _, _, _) => true);
#pragma warning restore CA5359
        await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost", EnabledSslProtocols = SslProtocols.Tls13 });
        return MigrationConnection.FromStream(stream, "the source");
    }

    internal static async Task<MigrationConnection> ConnectAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.SetRawSocketOption(6, 13, "cubic"u8);
        await socket.ConnectAsync(IPAddress.Loopback, port);
        // The end that sends pages has the server's part: what a server sends after the handshake is then read by the other,
        // and nothing is left unread that would turn its close into a reset.
        using X509Certificate2 certificate = MakeCertificate();
        var stream = new SslStream(new NetworkStream(socket, ownsSocket: true));
        await stream.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate, EnabledSslProtocols = SslProtocols.Tls13 });
        return MigrationConnection.FromStream(stream, "the destination");
    }

    public void Dispose() => _listener.Dispose();

    private static X509Certificate2 MakeCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }
}
