using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;

namespace PageEngine.Transport.Tests.Streams;

/// <summary>Connected pairs, one kind for each edge.</summary>
internal static class Connections
{
    internal static async Task<(MigrationConnection Source, MigrationConnection Destination)> TcpAsync()
    {
        using var acceptor = new TcpAcceptor(new IPEndPoint(IPAddress.Loopback, 0));
        Task<MigrationConnection> accepting = acceptor.AcceptAsync(default).AsTask();
        MigrationConnection source = await new TcpConnector(acceptor.LocalEndPoint).ConnectAsync(ConnectionPurpose.Pages, null, default);
        return (source, await accepting);
    }

    internal static Task<(MigrationConnection Source, MigrationConnection Destination)> PipesAsync()
    {
        var there = new Pipe();
        var back = new Pipe();
        return Task.FromResult((
            MigrationConnection.FromPipe(new Ends(back.Reader, there.Writer), "the destination"),
            MigrationConnection.FromPipe(new Ends(there.Reader, back.Writer), "the source")));
    }

    internal static async Task<(MigrationConnection Source, MigrationConnection Destination)> StreamsAsync()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var near = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await near.ConnectAsync(listener.LocalEndPoint!);
        Socket far = await listener.AcceptAsync();
        return (
            MigrationConnection.FromStream(new NetworkStream(near, ownsSocket: true), "the destination"),
            MigrationConnection.FromStream(new NetworkStream(far, ownsSocket: true), "the source"));
    }

    private sealed class Ends(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}
