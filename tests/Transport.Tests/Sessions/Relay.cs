using System.Net;
using System.Net.Sockets;

namespace PageEngine.Transport.Tests.Sessions;

// Owns: whoever sits between two hosts: he hears everything, and may change what he likes.

internal sealed class Relay : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly EndPoint _to;
    private readonly CancellationTokenSource _end = new();
    private readonly List<Task> _work = [];
    private readonly Task _accepting;
    private int _connections;

    internal Relay(EndPoint to)
    {
        _to = to;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    internal IPEndPoint EndPoint => (IPEndPoint)_listener.LocalEndpoint;

    /// <summary>Gets or sets what is done to a piece from the source: the connection's number, where in it the piece begins, the piece.</summary>
    internal Action<int, long, Memory<byte>> OnPiece { get; init; } = (_, _, _) => { };

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Stop();
        await _accepting;
        await Task.WhenAll(_work);
        _end.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                TcpClient near = await _listener.AcceptTcpClientAsync(_end.Token);
                _work.Add(CarryAsync(near, _connections++));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The end.
        }
    }

    private async Task CarryAsync(TcpClient near, int number)
    {
        using var far = new TcpClient();
        using (near)
        {
            await far.ConnectAsync((IPEndPoint)_to);
            await Task.WhenAll(
                CopyAsync(near, far, (at, piece) => OnPiece(number, at, piece)),
                CopyAsync(far, near, (_, _) => { }));
        }
    }

    private async Task CopyAsync(TcpClient from, TcpClient to, Action<long, Memory<byte>> onPiece)
    {
        byte[] buffer = new byte[64 * 1024];
        long at = 0;
        try
        {
            int n;
            while ((n = await from.GetStream().ReadAsync(buffer, _end.Token)) > 0)
            {
                onPiece(at, buffer.AsMemory(0, n));
                at += n;
                await to.GetStream().WriteAsync(buffer.AsMemory(0, n), _end.Token);
            }

            to.Client.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or SocketException or ObjectDisposedException or InvalidOperationException)
        {
            to.Close();
        }
    }
}
