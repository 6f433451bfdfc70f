using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace PageEngine.Transport.Tests.Sessions;

// Owns: an authority of a test's own, and the certificates that it signs.

internal sealed class TestAuthority : IDisposable
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 _certificate;

    internal TestAuthority(string name = "test authority")
    {
        var request = new CertificateRequest($"CN={name}", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        _certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-2), DateTimeOffset.UtcNow.AddDays(10));
    }

    internal X509Certificate2Collection Certificates => [_certificate];

    internal X509Certificate2 Sign(string name = "host", string? dns = null, IPAddress? address = null, int validForDays = 5)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(address ?? IPAddress.Loopback);
        if (dns is not null)
        {
            names.AddDnsName(dns);
        }

        request.CertificateExtensions.Add(names.Build());
        byte[] serial = RandomNumberGenerator.GetBytes(8);
        serial[0] = 1;
        using X509Certificate2 signed = request.Create(
            _certificate, DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(validForDays > 0 ? validForDays : 0).AddHours(validForDays > 0 ? 0 : -1), serial);
        return signed.CopyWithPrivateKey(key);
    }

    internal TlsIdentity Identify(string name = "host", TestAuthority? believes = null) => new(Sign(name), (believes ?? this).Certificates);

    internal (string Certificate, string Key, string Authorities) Write(string directory)
    {
        X509Certificate2 signed = Sign();
        string At(string name, string text)
        {
            string path = Path.Combine(directory, name);
            File.WriteAllText(path, text);
            return path;
        }

        return (At("host.pem", signed.ExportCertificatePem()), At("host.key", signed.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem()), At("ca.pem", _certificate.ExportCertificatePem()));
    }

    public void Dispose()
    {
        _certificate.Dispose();
        _key.Dispose();
    }
}
