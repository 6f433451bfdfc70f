using System.CommandLine;
using PageEngine.Transport;

namespace PageEngine.Cli.Commands;

// Owns: the three options that say who this host is to its peers and whom it believes. All of them or none.

/// <summary>The files that were named, and the identity that was read from them.</summary>
internal sealed record TlsFiles(string Certificate, string Key, string Authorities, TlsIdentity Identity)
{
    /// <summary>Gets the options again, for another process of this command.</summary>
    public IEnumerable<string> Arguments =>
        [TlsOptions.CertificateName, Certificate, TlsOptions.KeyName, Key, TlsOptions.AuthoritiesName, Authorities, .. Identity.PeerName is { } name ? [TlsOptions.PeerName, name] : Array.Empty<string>()];
}

/// <summary>The options of one command.</summary>
internal sealed class TlsOptions
{
    public const string CertificateName = "--tls-cert";
    public const string KeyName = "--tls-key";
    public const string AuthoritiesName = "--tls-ca";
    public const string PeerName = "--tls-peer";

    private readonly Option<string?> _certificate = File(CertificateName, "This host's certificate (PEM); connections are then TLS 1.3 and both sides prove themselves.");
    private readonly Option<string?> _key = File(KeyName, "Its private key (PEM, not encrypted).");
    private readonly Option<string?> _authorities = File(AuthoritiesName, "The authorities (PEM) that the other side's certificate must lead to.");
    private readonly Option<string?> _peer = new(PeerName)
    {
        Description = "The name in the destination's certificate, when not the one that is connected to.",
        HelpName = "NAME",
    };

    /// <summary>Adds the options to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="destination">Whether it waits for others to connect: the name of a peer then means nothing.</param>
    public TlsOptions(Command command, bool destination = false)
    {
        _peer.Hidden = destination;
        command.Options.Add(_certificate);
        command.Options.Add(_key);
        command.Options.Add(_authorities);
        command.Options.Add(_peer);
        command.Validators.Add(result =>
        {
            Option<string?>[] all = [_certificate, _key, _authorities];
            string[] missing = [.. all.Where(o => result.GetResult(o) is null).Select(o => o.Name)];
            if (missing.Length is 1 or 2 || (missing.Length == 3 && result.GetResult(_peer) is not null))
            {
                result.AddError($"TLS needs {CertificateName}, {KeyName} and {AuthoritiesName} together: {string.Join(" and ", missing)} {(missing.Length == 1 ? "is" : "are")} missing.");
            }
        });
    }

    /// <summary>Reads the files; null when TLS was not asked for.</summary>
    /// <exception cref="UsageException">One cannot be used.</exception>
    public TlsFiles? Read(ParseResult parsed)
    {
        if (parsed.GetValue(_certificate) is not { } certificate || parsed.GetValue(_key) is not { } key || parsed.GetValue(_authorities) is not { } authorities)
        {
            return null;
        }

        try
        {
            return new TlsFiles(certificate, key, authorities, TlsIdentity.FromPemFiles(certificate, key, authorities, parsed.GetValue(_peer)));
        }
        catch (Exception exception) when (exception is MigrationException or ArgumentException)
        {
            throw new UsageException(exception.Message);
        }
    }

    private static Option<string?> File(string name, string description) => new(name) { Description = description, HelpName = "FILE" };
}
