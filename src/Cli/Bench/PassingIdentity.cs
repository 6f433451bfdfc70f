using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using PageEngine.Cli.Commands;
using PageEngine.Transport;

namespace PageEngine.Cli.Bench;

// Owns: a certificate for one measurement between two processes of this machine, its own authority. Nobody else ever believes it.

internal static class PassingIdentity
{
    private static readonly TimeSpan _life = TimeSpan.FromHours(12);

    /// <summary>Makes one and writes it, readable for this user only.</summary>
    public static TlsFiles Write(string directory)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=measurement", key, HashAlgorithmName.SHA256);
        SubjectAlternativeNameBuilder names = new();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        DateTimeOffset now = DateTimeOffset.UtcNow;
        using X509Certificate2 certificate = request.CreateSelfSigned(now - _life, now + _life);
        string certificatePath = Path.Combine(directory, "measurement.pem");
        string keyPath = Path.Combine(directory, "measurement.key");
        File.WriteAllText(certificatePath, certificate.ExportCertificatePem());
        using (FileStream file = new(keyPath, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
        {
            using StreamWriter writer = new(file);
            writer.Write(key.ExportPkcs8PrivateKeyPem());
        }

        return new TlsFiles(certificatePath, keyPath, certificatePath, TlsIdentity.FromPemFiles(certificatePath, keyPath, certificatePath));
    }
}
