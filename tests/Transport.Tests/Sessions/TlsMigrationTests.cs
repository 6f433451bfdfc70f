using System.Net;

namespace PageEngine.Transport.Tests.Sessions;

public sealed class TlsMigrationTests : MigrationTests
{
    private protected override TestEdge OpenEdge() => new TlsEdge();
}

internal sealed class TlsEdge : TestEdge
{
    private readonly TestAuthority _authority = new();
    private readonly TcpAcceptor _acceptor;
    private readonly TcpConnector _connector;

    internal TlsEdge()
    {
        _acceptor = new TcpAcceptor(new IPEndPoint(IPAddress.Loopback, 0), new TcpOptions { Tls = _authority.Identify("destination") });
        _connector = new TcpConnector(_acceptor.LocalEndPoint, new TcpOptions { Tls = _authority.Identify("source") });
    }

    public override ValueTask DisposeAsync()
    {
        _acceptor.Dispose();
        _authority.Dispose();
        return ValueTask.CompletedTask;
    }

    protected override ValueTask<MigrationConnection> OpenAsync(ConnectionPurpose purpose, string? dataEndPoint, CancellationToken cancellationToken) =>
        _connector.ConnectAsync(purpose, dataEndPoint, cancellationToken);

    protected override ValueTask<MigrationConnection> TakeAsync(CancellationToken cancellationToken) => _acceptor.AcceptAsync(cancellationToken);
}
