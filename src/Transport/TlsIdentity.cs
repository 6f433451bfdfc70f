using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace PageEngine.Transport;

// Owns: who this host is to its peers, and whom it believes. Both sides of a migration show a certificate, and each checks the
// other's against authorities that the operator named: the machine's own trust store has no say.

/// <summary>A host's certificate with its key, and the authorities that sign its peers' certificates. Immutable; it may be
/// used by any number of connections at once.</summary>
public sealed class TlsIdentity
{
    private readonly X509Certificate2Collection _authorities;

    /// <summary>Makes an identity.</summary>
    /// <param name="certificate">This host's certificate with its private key. A source's must be good for client
    /// authentication and a destination's for server authentication, where they name purposes at all.</param>
    /// <param name="authorities">The certificates that the peers' certificates must lead to. At least one.</param>
    /// <param name="intermediates">What is sent along with this host's certificate, when an intermediate authority signed it.</param>
    public TlsIdentity(X509Certificate2 certificate, X509Certificate2Collection authorities, X509Certificate2Collection? intermediates = null)
    {
        ArgumentNullException.ThrowIfNull(certificate);
        ArgumentNullException.ThrowIfNull(authorities);
        if (!certificate.HasPrivateKey)
        {
            throw new ArgumentException("The certificate has no private key.", nameof(certificate));
        }

        if (authorities.Count == 0)
        {
            throw new ArgumentException("No authority: every peer would be refused.", nameof(authorities));
        }

        _authorities = [.. authorities];
        Context = SslStreamCertificateContext.Create(certificate, intermediates, offline: true);
    }

    /// <summary>Gets or sets the name that the destination's certificate must be for; null: the name or address that was
    /// connected to. Means nothing at a destination, which knows its peers by their authority only.</summary>
    public string? PeerName { get; init; }

    internal SslStreamCertificateContext Context { get; }

    /// <summary>Reads an identity from PEM files.</summary>
    /// <param name="certificate">The certificate; further ones in the file are sent along as intermediates.</param>
    /// <param name="key">Its private key, not encrypted.</param>
    /// <param name="authorities">The authorities.</param>
    /// <param name="peerName">See <see cref="PeerName"/>.</param>
    /// <exception cref="MigrationException"><see cref="MigrationErrorKind.Refused"/>: a file cannot be read or used; the message says which.</exception>
    public static TlsIdentity FromPemFiles(string certificate, string key, string authorities, string? peerName = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(certificate);
        ArgumentException.ThrowIfNullOrEmpty(key);
        ArgumentException.ThrowIfNullOrEmpty(authorities);
        X509Certificate2Collection chain = ReadAll(certificate, "certificate");
        X509Certificate2Collection trusted = ReadAll(authorities, "authorities");
        X509Certificate2 own = Read(key, "key", path => X509Certificate2.CreateFromPemFile(certificate, path));
        chain.RemoveAt(0);
        return new TlsIdentity(own, trusted, chain) { PeerName = peerName };
    }

    /// <summary>Makes the rules that a peer's certificate is checked by.</summary>
    internal X509ChainPolicy MakePolicy()
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,

            // Private authorities seldom publish revocation lists, and a host that cannot reach one must still evacuate.
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(_authorities);
        return policy;
    }

    private static X509Certificate2Collection ReadAll(string path, string what)
    {
        X509Certificate2Collection found = Read(path, what, p =>
        {
            var collection = new X509Certificate2Collection();
            collection.ImportFromPemFile(p);
            return collection;
        });
        return found.Count > 0 ? found : throw Unusable(path, what, "there is no certificate in it", null);
    }

    private static T Read<T>(string path, string what, Func<string, T> read)
    {
        try
        {
            return read(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw Unusable(path, what, e.Message.TrimEnd('.'), e);
        }
    }

    private static MigrationException Unusable(string path, string what, string why, Exception? cause) =>
        new(MigrationErrorKind.Refused, $"The TLS {what} in {path} cannot be used: {why}. It must be a PEM file that this process may read{(what == "key" ? ", with the key of that certificate, not encrypted" : "")}.", cause);
}
