using System.Net;
using System.Net.Sockets;
using PageEngine.Transport.Edges;
using Xunit;

namespace PageEngine.Transport.Tests.Edges;

public class TcpTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);
    private static readonly IPEndPoint _anyPort = new(IPAddress.Loopback, 0);

    [Fact]
    public async Task Connections_are_accepted_in_any_number_and_named()
    {
        using var acceptor = new TcpAcceptor(_anyPort);
        var connector = new TcpConnector(acceptor.LocalEndPoint);
        Assert.Equal(acceptor.Description, connector.Description);
        Assert.Null(acceptor.DataEndPoint);
        for (int i = 0; i < 3; i++)
        {
            await using MigrationConnection s = await connector.ConnectAsync(ConnectionPurpose.Control, null, default);
            await using MigrationConnection d = await acceptor.AcceptAsync(default);
            Assert.True(s.IsLocal);
            Assert.True(d.IsLocal);
            Assert.Equal(acceptor.Description, s.RemoteDescription);
            Assert.StartsWith("127.0.0.1:", d.RemoteDescription, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Congestion_control_is_set_where_the_kernel_has_it()
    {
        using var acceptor = new TcpAcceptor(_anyPort);
        var connector = new TcpConnector(acceptor.LocalEndPoint, new TcpOptions { CongestionControl = "reno" });
        await using MigrationConnection reno = await connector.ConnectAsync(ConnectionPurpose.Pages, null, default);
        Assert.Equal("reno", CongestionControlOf((SocketConnection)reno));
        MigrationException refused = await Assert.ThrowsAsync<MigrationException>(async () =>
            await new TcpConnector(acceptor.LocalEndPoint, new TcpOptions { CongestionControl = "nothing" }).ConnectAsync(ConnectionPurpose.Pages, null, default));
        Assert.Equal(MigrationErrorKind.Refused, refused.Kind);
        Assert.Contains("'nothing'", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Page_streams_go_to_the_data_end_point()
    {
        using var acceptor = new TcpAcceptor(_anyPort, new TcpOptions { DataListen = new IPEndPoint(IPAddress.Parse("127.0.0.2"), 0) });
        Assert.StartsWith("127.0.0.2:", acceptor.DataEndPoint, StringComparison.Ordinal);
        var connector = new TcpConnector(acceptor.LocalEndPoint);
        await using MigrationConnection control = await connector.ConnectAsync(ConnectionPurpose.Control, acceptor.DataEndPoint, default);
        await using MigrationConnection pages = await connector.ConnectAsync(ConnectionPurpose.Pages, acceptor.DataEndPoint, default);
        Assert.Equal(acceptor.Description, control.RemoteDescription);
        Assert.Equal(acceptor.DataEndPoint, pages.RemoteDescription);
        await using MigrationConnection first = await acceptor.AcceptAsync(default).AsTask().WaitAsync(_patience);
        await using MigrationConnection second = await acceptor.AcceptAsync(default).AsTask().WaitAsync(_patience);
    }

    [Fact]
    public async Task Wildcard_data_end_point_means_the_host_that_was_reached()
    {
        using var acceptor = new TcpAcceptor(_anyPort, new TcpOptions { AllowPlaintext = true, DataListen = new IPEndPoint(IPAddress.Any, 0) });
        Assert.StartsWith("*:", acceptor.DataEndPoint, StringComparison.Ordinal);
        var connector = new TcpConnector(new DnsEndPoint("localhost", acceptor.LocalEndPoint.Port));
        await using MigrationConnection control = await connector.ConnectAsync(ConnectionPurpose.Control, null, default);
        await using MigrationConnection pages = await connector.ConnectAsync(ConnectionPurpose.Pages, acceptor.DataEndPoint, default);
        Assert.Equal(acceptor.DataEndPoint!.Replace("*", "127.0.0.1", StringComparison.Ordinal), pages.RemoteDescription);
    }

    [Theory]
    [InlineData("")]
    [InlineData("5000")]
    [InlineData(":5000")]
    [InlineData("host:")]
    [InlineData("host:0")]
    [InlineData("host:65536")]
    [InlineData("host:-1")]
    [InlineData("host: 1")]
    public void Data_end_point_that_is_none_is_refused(string text)
    {
        MigrationException e = Assert.Throws<MigrationException>(() => DataEndPoint.Parse(text, _anyPort));
        Assert.Equal(MigrationErrorKind.ProtocolViolation, e.Kind);
    }

    [Fact]
    public void Data_end_points_are_read_as_they_were_written()
    {
        foreach (string address in new[] { "127.0.0.1", "::1", "10.1.2.3" })
        {
            var place = new IPEndPoint(IPAddress.Parse(address), 4711);
            Assert.Equal(place, DataEndPoint.Parse(DataEndPoint.Format(place), _anyPort));
        }

        Assert.Equal(new DnsEndPoint("storage.example", 4711), DataEndPoint.Parse("storage.example:4711", _anyPort));
        Assert.Equal(new IPEndPoint(IPAddress.Parse("10.0.0.9"), 7), DataEndPoint.Parse("*:7", new IPEndPoint(IPAddress.Parse("10.0.0.9"), 1)));
        Assert.Equal(new DnsEndPoint("control.example", 7), DataEndPoint.Parse("*:7", new DnsEndPoint("control.example", 1)));
    }

    [Fact]
    public async Task Dual_stack_listener_shows_addresses_as_what_they_are()
    {
        using var acceptor = new TcpAcceptor(new IPEndPoint(IPAddress.IPv6Any, 0), new TcpOptions { AllowPlaintext = true });
        var connector = new TcpConnector(new IPEndPoint(IPAddress.Loopback, acceptor.LocalEndPoint.Port));
        await using MigrationConnection s = await connector.ConnectAsync(ConnectionPurpose.Control, null, default);
        await using MigrationConnection d = await acceptor.AcceptAsync(default);
        Assert.StartsWith("127.0.0.1:", d.RemoteDescription, StringComparison.Ordinal);
        Assert.True(d.IsLocal);
    }

    [Fact]
    public async Task Connections_leave_from_the_address_that_was_asked_for()
    {
        using var acceptor = new TcpAcceptor(_anyPort);
        var connector = new TcpConnector(acceptor.LocalEndPoint, new TcpOptions { BindAddress = IPAddress.Parse("127.0.0.3") });
        await using MigrationConnection s = await connector.ConnectAsync(ConnectionPurpose.Control, null, default);
        await using MigrationConnection d = await acceptor.AcceptAsync(default);
        Assert.StartsWith("127.0.0.3:", d.RemoteDescription, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plain_text_beyond_loopback_needs_permission()
    {
        foreach (IPEndPoint place in new[] { new IPEndPoint(IPAddress.Any, 0), new IPEndPoint(IPAddress.Parse("192.0.2.1"), 0), new IPEndPoint(IPAddress.IPv6Any, 0) })
        {
            MigrationException e = Assert.Throws<MigrationException>(() => new TcpAcceptor(place));
            Assert.Equal(MigrationErrorKind.Refused, e.Kind);
            Assert.Contains("unencrypted", e.Message, StringComparison.Ordinal);
        }

        Assert.Throws<MigrationException>(() => new TcpAcceptor(_anyPort, new TcpOptions { DataListen = new IPEndPoint(IPAddress.Any, 0) }));
        var connector = new TcpConnector(new IPEndPoint(IPAddress.Parse("192.0.2.1"), 9));
        MigrationException refused = await Assert.ThrowsAsync<MigrationException>(() => connector.ConnectAsync(ConnectionPurpose.Control, null, default).AsTask());
        Assert.Equal(MigrationErrorKind.Refused, refused.Kind);
    }

    [Fact]
    public async Task Nobody_listening_is_said()
    {
        int port;
        using (var acceptor = new TcpAcceptor(_anyPort))
        {
            port = acceptor.LocalEndPoint.Port;
        }

        var connector = new TcpConnector(new IPEndPoint(IPAddress.Loopback, port));
        MigrationException e = await Assert.ThrowsAsync<MigrationException>(() => connector.ConnectAsync(ConnectionPurpose.Control, null, default).AsTask());
        Assert.Equal(MigrationErrorKind.ConnectionLost, e.Kind);
        Assert.Contains($"127.0.0.1:{port}", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Destination_that_does_not_answer_is_given_up_or_cancelled()
    {
        // A listener whose queue is full lets further attempts wait without an answer.
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(_anyPort);
        listener.Listen(0);
        var place = (IPEndPoint)listener.LocalEndPoint!;
        using var first = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        first.Connect(place);

        var hasty = new TcpConnector(place, new TcpOptions { ConnectTimeout = TimeSpan.FromMilliseconds(200) });
        MigrationException e = await Assert.ThrowsAsync<MigrationException>(() => hasty.ConnectAsync(ConnectionPurpose.Control, null, default).AsTask().WaitAsync(_patience));
        Assert.Equal(MigrationErrorKind.Timeout, e.Kind);

        using var cancel = new CancellationTokenSource(100);
        var patient = new TcpConnector(place);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => patient.ConnectAsync(ConnectionPurpose.Control, null, cancel.Token).AsTask().WaitAsync(_patience, CancellationToken.None));
    }

    [Fact]
    public void Address_in_use_is_said()
    {
        using var acceptor = new TcpAcceptor(_anyPort);
        MigrationException e = Assert.Throws<MigrationException>(() => new TcpAcceptor(acceptor.LocalEndPoint));
        Assert.Equal(MigrationErrorKind.Refused, e.Kind);
        Assert.Contains(acceptor.Description, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancelled_accept_loses_no_connection()
    {
        using var acceptor = new TcpAcceptor(_anyPort);
        using (var cancel = new CancellationTokenSource())
        {
            Task accepting = acceptor.AcceptAsync(cancel.Token).AsTask();
            cancel.Cancel();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => accepting);
        }

        await using MigrationConnection s = await new TcpConnector(acceptor.LocalEndPoint).ConnectAsync(ConnectionPurpose.Control, null, default);
        await using MigrationConnection d = await acceptor.AcceptAsync(default).AsTask().WaitAsync(_patience);
    }

    [Fact]
    public async Task Disposed_acceptor_ends_its_accept()
    {
        var acceptor = new TcpAcceptor(_anyPort);
        Task accepting = acceptor.AcceptAsync(default).AsTask();
        acceptor.Dispose();
        await Assert.ThrowsAnyAsync<ObjectDisposedException>(() => accepting.WaitAsync(_patience));
        acceptor.Dispose();
    }

    private static string CongestionControlOf(SocketConnection connection)
    {
        byte[] name = new byte[16];
        using var view = new Socket(new SafeSocketHandle(connection.Handle.DangerousGetHandle(), ownsHandle: false));
        int bytes = view.GetRawSocketOption(6, 13, name);
        return System.Text.Encoding.ASCII.GetString(name, 0, bytes).TrimEnd('\0');
    }
}
