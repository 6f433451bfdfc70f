using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace PageEngine.EmbeddedGuest.Fencing;

// Owns: the guarded resource: its log file, the ledger that the log replays to, and the connections. One lock orders
// decision, line and ledger, so that nothing is answered that the log does not hold. After a failed write nothing is
// answered any more: the file may end in half a line, which only a restart repairs.

/// <summary>A resource outside of guests that accepts each effect once, in order, and from the newest owner only. It
/// stands for what a guest changes beyond its memory (a disk, another service), whose part of fencing it shows.</summary>
public sealed class EffectGuard : IAsyncDisposable
{
    private const int MaxConnections = 256;

    private readonly Lock _lock = new();
    private readonly EffectLedger _ledger = new();
    private readonly FileStream _lockFile;
    private readonly FileStream _log;
    private readonly bool _flushToDisk;
    private readonly TcpListener _listener;
    private readonly CancellationTokenSource _stop = new();
    private readonly HashSet<Task> _connections = [];
    private readonly Task _accepting;
    private string? _failure;
    private long _effects;
    private long _refused;

    private EffectGuard(IPEndPoint listen, string path, FileStream lockFile, bool flushToDisk)
    {
        _lockFile = lockFile;
        _flushToDisk = flushToDisk;
        _log = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
        try
        {
            long whole = EffectLogLine.ReadAll(_log, path, line =>
            {
                _ledger.Take(line);
                Count(line);
            });
            _log.SetLength(whole);
            _log.Position = whole;
            _listener = new TcpListener(listen);
            _listener.Start();
        }
        catch
        {
            _log.Dispose();
            _listener?.Dispose();
            throw;
        }

        EndPoint = (IPEndPoint)_listener.LocalEndpoint;
        _accepting = AcceptAsync();
    }

    /// <summary>Gets where it listens.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>Gets how many effects the log holds.</summary>
    public long Effects => Interlocked.Read(ref _effects);

    /// <summary>Gets how many requests were refused for their epoch, as the log holds them.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>Gets why nothing is answered any more; null while all is well.</summary>
    public string? Failure => Volatile.Read(ref _failure);

    /// <summary>Starts a guard. It goes on where its log ends.</summary>
    /// <param name="listen">Where to listen; port 0 takes a free one. Requests are neither encrypted nor authenticated.</param>
    /// <param name="logPath">The log; made when it is missing. One guard at a time: FILE.lock beside it sees to that.</param>
    /// <param name="flushToDisk">Whether each line is on the disk before the answer; otherwise the operating system has it,
    /// and it outlives this process but not a power cut.</param>
    /// <exception cref="MigrationException">A line of the log is damaged.</exception>
    /// <exception cref="IOException">The log cannot be opened, or another guard has it.</exception>
    /// <exception cref="SocketException">The address cannot be listened on.</exception>
    public static EffectGuard Start(IPEndPoint listen, string logPath, bool flushToDisk = false)
    {
        ArgumentNullException.ThrowIfNull(listen);
        ArgumentException.ThrowIfNullOrEmpty(logPath);
        FileStream lockFile = new(logPath + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        try
        {
            return new EffectGuard(listen, logPath, lockFile, flushToDisk);
        }
        catch
        {
            lockFile.Dispose();
            throw;
        }
    }

    /// <summary>Stops listening, ends all connections and closes the log.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested)
        {
            return;
        }

        await _stop.CancelAsync().ConfigureAwait(false);
        _listener.Stop();
        await _accepting.ConfigureAwait(false);
        Task[] connections;
        lock (_connections)
        {
            connections = [.. _connections];
        }

        await Task.WhenAll(connections).ConfigureAwait(false);
        _listener.Dispose();
        await _log.DisposeAsync().ConfigureAwait(false);
        await _lockFile.DisposeAsync().ConfigureAwait(false);
        _stop.Dispose();
    }

    /// <summary>Decides on a request, with the line it needs in the log.</summary>
    /// <returns>The answer; null when the guard has failed.</returns>
    internal GuardAnswer? Apply(in GuardRequest request)
    {
        lock (_lock)
        {
            if (_failure is not null)
            {
                return null;
            }

            GuardDecision decision = _ledger.Decide(request);
            if (decision.Line is { } line)
            {
                try
                {
                    _log.Write(line.ToBytes());
                    _log.Flush(_flushToDisk);
                }
                catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ObjectDisposedException)
                {
                    Volatile.Write(ref _failure, $"The guard's log cannot be written: {exception.Message}");
                    return null;
                }

                _ledger.Take(line);
                Count(line);
            }

            return decision.Answer;
        }
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"guard on {EndPoint}: {Effects} effects, {Refused} refused");

    private void Count(in EffectLogLine line)
    {
        _ = line.Event switch
        {
            EffectLogEvent.Effect => Interlocked.Increment(ref _effects),
            EffectLogEvent.Refused => Interlocked.Increment(ref _refused),
            _ => 0,
        };
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                Socket socket = await _listener.AcceptSocketAsync(_stop.Token).ConfigureAwait(false);
                lock (_connections)
                {
                    _connections.RemoveWhere(t => t.IsCompleted);
                    if (_connections.Count >= MaxConnections)
                    {
                        socket.Dispose();
                        continue;
                    }

                    _connections.Add(ServeAsync(socket));
                }
            }
            catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                // A connection that ended before it was taken, or the end of the guard, which the loop's condition sees.
            }
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        using NetworkStream stream = new(socket, ownsSocket: true);
        byte[] request = new byte[GuardFrames.RequestBytes];
        byte[] answer = new byte[GuardFrames.AnswerBytes];
        try
        {
            socket.NoDelay = true;
            while (true)
            {
                await stream.ReadExactlyAsync(request, _stop.Token).ConfigureAwait(false);
                if (!GuardFrames.TryRead(request, out GuardRequest read) || Apply(read) is not { } decided)
                {
                    return;
                }

                GuardFrames.Write(decided, answer);
                await stream.WriteAsync(answer, _stop.Token).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (exception is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The asker went away, or the guard stops. An unanswered request is repeated by whoever needs the answer.
        }
    }
}
