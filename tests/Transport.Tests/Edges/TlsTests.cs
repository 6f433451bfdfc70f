using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using PageEngine.Reporting;
using PageEngine.Transport.Tests.Sessions;
using Xunit;

namespace PageEngine.Transport.Tests.Edges;

// Owns: who is believed over TLS, and that whoever is not keeps nobody else from being served.
public sealed class TlsTests : IDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);
    private readonly TestAuthority _authority = new();
    private readonly TestAuthority _stranger = new("another authority");
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("pageengine-tls-");

    [Fact]
    public async Task Source_does_not_believe_a_destination_of_another_authority()
    {
        MigrationException refused = await ConnectAsync(_stranger.Identify(believes: _authority), _authority.Identify());
        Assert.Equal(MigrationErrorKind.Refused, refused.Kind);
        Assert.Contains("does not lead to an authority", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Source_does_not_believe_a_destination_of_another_name()
    {
        var elsewhere = new TlsIdentity(_authority.Sign("elsewhere", address: IPAddress.Parse("192.0.2.1")), _authority.Certificates);
        MigrationException refused = await ConnectAsync(elsewhere, _authority.Identify());
        Assert.Contains("is not for '127.0.0.1'", refused.Message, StringComparison.Ordinal);

        var named = new TlsIdentity(_authority.Sign("named", dns: "kilo.example", address: IPAddress.Parse("192.0.2.1")), _authority.Certificates);
        using var acceptor = new TcpAcceptor(new IPEndPoint(IPAddress.Loopback, 0), new TcpOptions { Tls = named });
        Task accepting = AcceptAsync(acceptor);
        var connector = new TcpConnector(acceptor.LocalEndPoint, new TcpOptions { Tls = new TlsIdentity(_authority.Sign(), _authority.Certificates) { PeerName = "kilo.example" } });
        await using MigrationConnection believed = await connector.ConnectAsync(ConnectionPurpose.Control, null, default).AsTask().WaitAsync(_patience);
        await believed.WritePreambleAsync(new byte[8], default);
        await accepting;
    }

    [Fact]
    public async Task Source_does_not_believe_a_certificate_that_has_expired()
    {
        MigrationException refused = await ConnectAsync(new TlsIdentity(_authority.Sign(validForDays: 0), _authority.Certificates), _authority.Identify());
        Assert.Contains("clocks", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("another authority")]
    [InlineData("no certificate")]
    [InlineData("TLS 1.2")]
    [InlineData("plain text")]
    [InlineData("silence")]
    public async Task Destination_turns_away_who_does_not_prove_himself_says_so_and_takes_the_next(string who)
    {
        var log = new Lines();
        using var acceptor = new TcpAcceptor(new IPEndPoint(IPAddress.Loopback, 0), new TcpOptions { Tls = _authority.Identify("destination") });
        var destination = new MigrationDestination(MigrationTests.Build, new MigrationDestinationOptions { Logger = log });
        Task<DestinationResult> receiving = destination.ReceiveAsync(acceptor);
        using var stranger = new TcpClient();
        await stranger.ConnectAsync(acceptor.LocalEndPoint);
        if (who != "silence")
        {
            await SpeakAsync(stranger, who);
            await Eventually.HoldsAsync(() => log.Any("127.0.0.1:"), "nothing was said about it");
        }

        using GuestAtHost host = await GuestAtHost.StartAsync();
        var connector = new TcpConnector(acceptor.LocalEndPoint, new TcpOptions { Tls = _authority.Identify("source") });
        Assert.Null((await host.MigrateAsync(connector)).Failure);
        using var moved = (IDisposable)(await receiving.WaitAsync(_patience)).Guest!;
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Listener_on_the_network_learns_no_page_unless_it_is_sent_in_the_clear(bool encrypted)
    {
        byte[] page = [];
        bool heard = false;
        byte[] before = [];
        await MoveAsync(encrypted, host => page = host.Guest.Memory.Page(77)[..64].ToArray(), (connection, _, piece) =>
        {
            if (connection == 1 && page.Length > 0)
            {
                byte[] joined = [.. before, .. piece.Span];
                heard |= joined.AsSpan().IndexOf(page) >= 0;
                before = joined[^Math.Min(joined.Length, 64)..];
            }
        });
        Assert.Equal(!encrypted, heard);
    }

    [Theory]
    [InlineData(45)]
    [InlineData(700_000)]
    [InlineData(5_000_001)]
    public async Task Page_stream_that_somebody_changes_ends_the_migration_and_the_guest_runs_on(long offset)
    {
        MigrationReport report = await MoveAsync(encrypted: true, _ => { }, (connection, at, piece) =>
        {
            if (connection == 1 && at <= offset && offset < at + piece.Length)
            {
                piece.Span[(int)(offset - at)] ^= 0x20;
            }
        });
        Assert.Equal(GuestWhereabouts.RunningAtSource, report.Failure!.Guest);
        Assert.Equal(MigrationErrorKind.ProtocolViolation, report.Failure.Kind);
        Assert.True(report.Failure.ReportedByPeer);
    }

    private async Task<MigrationReport> MoveAsync(bool encrypted, Action<GuestAtHost> ready, Action<int, long, Memory<byte>> onPiece)
    {
        TcpOptions Options(string name) => new() { Tls = encrypted ? _authority.Identify(name) : null };
        using var acceptor = new TcpAcceptor(new IPEndPoint(IPAddress.Loopback, 0), Options("destination"));
        await using var relay = new Relay(acceptor.LocalEndPoint) { OnPiece = onPiece };
        Task<DestinationResult> receiving = new MigrationDestination(MigrationTests.Build).ReceiveAsync(acceptor);
        using GuestAtHost host = await GuestAtHost.StartAsync("idle");
        ready(host);
        MigrationReport report = await host.MigrateAsync(new TcpConnector(relay.EndPoint, Options("source")));
        DestinationResult result = await receiving.WaitAsync(_patience);
        if (report.Failure is not null)
        {
            Assert.Null(result.Guest);
            await host.AssertRunsAndIsConsistentAsync();
        }

        (result.Guest as IDisposable)?.Dispose();
        return report;
    }

    [Fact]
    public async Task Source_with_certificates_never_falls_back_to_plain_text()
    {
        using var acceptor = new TcpAcceptor(new IPEndPoint(IPAddress.Loopback, 0));
        Task accepting = AcceptAsync(acceptor);
        var connector = new TcpConnector(acceptor.LocalEndPoint, new TcpOptions { Tls = _authority.Identify(), ConnectTimeout = TimeSpan.FromSeconds(5) });
        MigrationException refused = await Assert.ThrowsAsync<MigrationException>(async () => await connector.ConnectAsync(ConnectionPurpose.Control, null, default));
        Assert.Contains(refused.Kind, new[] { MigrationErrorKind.Refused, MigrationErrorKind.Timeout });
        await accepting;
    }

    [Fact]
    public void Identity_is_read_from_files_and_what_is_wrong_with_one_is_said()
    {
        (string certificate, string key, string authorities) = _authority.Write(_directory.FullName);
        Assert.NotNull(TlsIdentity.FromPemFiles(certificate, key, authorities));

        (string Certificate, string Key, string Authorities, string Says)[] wrong =
        [
            ("/nowhere/a.pem", key, authorities, "certificate in /nowhere/a.pem"),
            (certificate, "/nowhere/a.key", authorities, "key in /nowhere/a.key"),
            (certificate, certificate, authorities, $"key in {certificate}"),
            (certificate, key, key, $"authorities in {key}"),
            (key, key, authorities, $"certificate in {key}"),
        ];
        foreach ((string Certificate, string Key, string Authorities, string Says) w in wrong)
        {
            MigrationException e = Assert.Throws<MigrationException>(() => TlsIdentity.FromPemFiles(w.Certificate, w.Key, w.Authorities));
            Assert.Equal(MigrationErrorKind.Refused, e.Kind);
            Assert.Contains(w.Says, e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Encrypted_connections_may_leave_this_machine()
    {
        using var acceptor = new TcpAcceptor(new IPEndPoint(IPAddress.Any, 0), new TcpOptions { Tls = _authority.Identify() });
        Assert.Throws<MigrationException>(() => new TcpAcceptor(new IPEndPoint(IPAddress.Any, 0)));
    }

    public void Dispose()
    {
        _authority.Dispose();
        _stranger.Dispose();
        _directory.Delete(recursive: true);
    }

    private static async Task AcceptAsync(TcpAcceptor acceptor)
    {
        await using MigrationConnection accepted = await acceptor.AcceptAsync(default);
        try
        {
            await accepted.ReadPreambleAsync(new byte[8], default).AsTask().WaitAsync(_patience);
        }
        catch (MigrationException)
        {
            // The other side did not like it.
        }
    }

    private async Task SpeakAsync(TcpClient stranger, string who)
    {
        NetworkStream plain = stranger.GetStream();
        if (who == "plain text")
        {
            await plain.WriteAsync(new byte[64]);
            return;
        }

        using var tls = new SslStream(plain, leaveInnerStreamOpen: true, (_, certificate, _, _) => certificate is not null);
        X509CertificateCollection shows = who == "another authority" ? [_stranger.Sign("impostor")] : who == "TLS 1.2" ? [_authority.Sign()] : [];
        try
        {
            await tls.AuthenticateAsClientAsync("127.0.0.1", shows, who == "TLS 1.2" ? SslProtocols.Tls12 : SslProtocols.Tls13, checkCertificateRevocation: false);
        }
        catch (Exception e) when (e is AuthenticationException or IOException)
        {
            // Refused at once; TLS 1.3 says it later.
        }
    }

    private static async Task<MigrationException> ConnectAsync(TlsIdentity destination, TlsIdentity source)
    {
        using var acceptor = new TcpAcceptor(new IPEndPoint(IPAddress.Loopback, 0), new TcpOptions { Tls = destination });
        Task accepting = AcceptAsync(acceptor);
        var connector = new TcpConnector(acceptor.LocalEndPoint, new TcpOptions { Tls = source });
        MigrationException refused = await Assert.ThrowsAsync<MigrationException>(async () => await connector.ConnectAsync(ConnectionPurpose.Control, null, default));
        await accepting;
        return refused;
    }

    private sealed class Lines : ILogger
    {
        private readonly List<string> _lines = [];

        internal bool Any(string part)
        {
            lock (_lines)
            {
                return _lines.Any(line => line.Contains(part, StringComparison.Ordinal));
            }
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (_lines)
            {
                _lines.Add(formatter(state, exception));
            }
        }
    }
}
