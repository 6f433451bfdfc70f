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

    /// <summary>TCP through a relay that cuts the bytes anew, from single ones to what two records hold: neither end receives in the
    /// pieces in which the other sent.</summary>
    internal static async Task<(MigrationConnection Source, MigrationConnection Destination)> RelayedAsync()
    {
        using var relay = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        relay.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        relay.Listen();
        using var acceptor = new TcpAcceptor(new IPEndPoint(IPAddress.Loopback, 0));
        Task<MigrationConnection> accepting = acceptor.AcceptAsync(default).AsTask();
        MigrationConnection source = await new TcpConnector((IPEndPoint)relay.LocalEndPoint!).ConnectAsync(ConnectionPurpose.Pages, null, default);
        Socket near = await relay.AcceptAsync();
        var far = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await far.ConnectAsync(acceptor.LocalEndPoint);
        near.NoDelay = true;
        _ = Task.WhenAll(RelayAsync(near, far, 1), RelayAsync(far, near, 2)).ContinueWith(
            _ =>
            {
                near.Dispose();
                far.Dispose();
            },
            TaskScheduler.Default);
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

    private static async Task RelayAsync(Socket from, Socket to, int seed)
    {
        var random = new Random(seed);
        byte[] bytes = new byte[600_000];
        int[] most = [3, 200, 70_000, bytes.Length];
        try
        {
            while (true)
            {
                int received = await from.ReceiveAsync(bytes.AsMemory(0, random.Next(1, most[random.Next(most.Length)] + 1)));
                if (received == 0)
                {
                    to.Shutdown(SocketShutdown.Send);
                    return;
                }

                await to.SendAsync(bytes.AsMemory(0, received));
            }
        }
        catch (SocketException)
        {
            // One end is gone; the other must hear of it.
            from.Close();
            to.Close();
        }
        catch (ObjectDisposedException)
        {
            // As above, seen from the other direction.
        }
    }

    private sealed class Ends(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}
