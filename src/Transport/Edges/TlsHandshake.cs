using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace PageEngine.Transport.Edges;

// Owns: the TLS handshake of either side: version 1.3, certificates on both, nothing resumed from an earlier connection; and
// the sentence for a peer that was not believed.

internal static class TlsHandshake
{
    /// <summary>Proves the destination to the source, and the source to the destination.</summary>
    /// <param name="socket">Connected; owned from here on.</param>
    /// <param name="identity">Who this host is.</param>
    /// <param name="name">Whom it wants to reach.</param>
    /// <param name="description">The same, for people.</param>
    /// <param name="cancellationToken">Ends it; the socket is closed then.</param>
    internal static Task<SslStream> AsSourceAsync(Socket socket, TlsIdentity identity, string name, string description, CancellationToken cancellationToken)
    {
        string target = identity.PeerName ?? name;
        var judge = new Judge(description, target);
        return RunAsync(socket, judge, stream => stream.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = target,
                ClientCertificateContext = identity.Context,
                CertificateChainPolicy = identity.MakePolicy(),
                RemoteCertificateValidationCallback = judge.Decide,
                EnabledSslProtocols = SslProtocols.Tls13,
                AllowTlsResume = false,
            },
            cancellationToken));
    }

    /// <summary>Proves the source to the destination, and the destination to the source.</summary>
    internal static Task<SslStream> AsDestinationAsync(Socket socket, TlsIdentity identity, string description, CancellationToken cancellationToken)
    {
        var judge = new Judge(description, null);
        return RunAsync(socket, judge, stream => stream.AuthenticateAsServerAsync(
            new SslServerAuthenticationOptions
            {
                ServerCertificateContext = identity.Context,
                ClientCertificateRequired = true,
                CertificateChainPolicy = identity.MakePolicy(),
                RemoteCertificateValidationCallback = judge.Decide,
                EnabledSslProtocols = SslProtocols.Tls13,
                AllowTlsResume = false,
            },
            cancellationToken));
    }

    /// <summary>Makes a connection of what both sides proved themselves on.</summary>
    internal static MigrationConnection ToConnection(SslStream stream, string remote, string local, bool isLocal) =>
        new PipeConnection(new StreamPipe(stream), remote, stream) { PeerIsProven = true, IsThisMachine = isLocal, Local = local };

    private static async Task<SslStream> RunAsync(Socket socket, Judge judge, Func<SslStream, Task> authenticate)
    {
        var stream = new SslStream(new NetworkStream(socket, ownsSocket: true), leaveInnerStreamOpen: false);
        try
        {
            await authenticate(stream).ConfigureAwait(false);
            return stream;
        }
        catch (Exception e)
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            if (e is AuthenticationException or IOException)
            {
                throw new MigrationException(MigrationErrorKind.Refused, judge.Explain(e), e);
            }

            throw;
        }
    }

    /// <summary>Keeps what was wrong with a certificate: the exception does not say it.</summary>
    private sealed class Judge(string peer, string? target)
    {
        private string? _finding;

        internal bool Decide(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
        {
            _finding = errors == SslPolicyErrors.None ? null
                : certificate is null ? "it showed no certificate"
                : (errors & SslPolicyErrors.RemoteCertificateChainErrors) != 0
                    ? $"its certificate ({certificate.Subject}) does not lead to an authority that this host was given: {string.Join(", ", chain!.ChainStatus.Select(s => s.StatusInformation.Trim().TrimEnd('.')).Distinct())}"
                : $"its certificate ({certificate.Subject}) is not for '{target}'";
            return errors == SslPolicyErrors.None;
        }

        internal string Explain(Exception e) => _finding is { } finding
            ? $"{peer} was not believed: {finding}. Check the certificates and authorities of both hosts, and their clocks."
            : $"No TLS connection to {peer} could be made: {e.Message} Both sides need a certificate that the other's authorities signed; the other side's log says more if it refused this one.";
    }
}
