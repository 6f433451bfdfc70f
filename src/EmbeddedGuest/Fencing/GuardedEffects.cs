using System.Net;
using System.Net.Sockets;

namespace PageEngine.EmbeddedGuest.Fencing;

// Owns: a host's connection to a guard: one socket, one exchange at a time, made again after any error. Sockets are used
// blocking, so that an answer wakes the thread that waits for it and needs no pool; a timer that closes the socket
// bounds every exchange, connecting included.

/// <summary>Reaches a guard: raises its epoch for a migration's destination, and gives guests something to do there
/// (<see cref="VerifiableGuest.AttachEffects"/>). Safe to use from any thread.</summary>
public sealed class GuardedEffects : IDisposable
{
    /// <summary>The default pause between two effects of a guest.</summary>
    public static readonly TimeSpan DefaultInterval = TimeSpan.FromMilliseconds(10);

    private readonly EndPoint _guard;
    private readonly TimeSpan _limit;
    private readonly TimeProvider _time;
    private readonly Lock _exchange = new();
    private readonly byte[] _request = new byte[GuardFrames.RequestBytes];
    private readonly byte[] _answer = new byte[GuardFrames.AnswerBytes];
    private Socket? _socket;
    private volatile bool _ended;

    /// <summary>Prepares a connection; nothing is connected yet.</summary>
    /// <param name="guard">Where the guard listens.</param>
    /// <param name="interval">The pause between two effects; null: <see cref="DefaultInterval"/>.</param>
    /// <param name="answerLimit">How long one answer may take, connecting included; null: 2 s.</param>
    /// <param name="timeProvider">The clock; null: the system's.</param>
    public GuardedEffects(EndPoint guard, TimeSpan? interval = null, TimeSpan? answerLimit = null, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(guard);
        _guard = guard;
        Interval = interval ?? DefaultInterval;
        _limit = answerLimit ?? TimeSpan.FromSeconds(2);
        _time = timeProvider ?? TimeProvider.System;
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(Interval, TimeSpan.Zero, nameof(interval));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(_limit, TimeSpan.Zero, nameof(answerLimit));
    }

    /// <summary>Gets the pause between two effects of a guest.</summary>
    public TimeSpan Interval { get; }

    /// <summary>Connects ahead of time, so that the first request in a blackout does not have to. Failing is no error:
    /// the next request tries again.</summary>
    public Task ConnectAsync() => Task.Run(() =>
    {
        lock (_exchange)
        {
            using ITimer limit = StartLimit();
            try
            {
                Connect();
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                Drop();
            }
        }
    });

    /// <summary>Raises the epoch: from then on the guard refuses lower ones. Fits <c>MigrationDestinationOptions.RaiseGuards</c>
    /// and <see cref="Recovery.RecoveryOptions.RaiseGuards"/>.</summary>
    /// <param name="guest">The guest.</param>
    /// <param name="epoch">The epoch under which it is about to run.</param>
    /// <param name="cancellationToken">Ends the wait; the guard may have raised it all the same.</param>
    /// <exception cref="MigrationException">The guard did not answer, or knows a newer owner.</exception>
    public async ValueTask RaiseAsync(Guid guest, ulong epoch, CancellationToken cancellationToken)
    {
        GuardRequest request = new(GuardRequestKind.Raise, guest, epoch, 0, 0);
        GuardAnswer? answer = await Task.Run(() => Ask(request), cancellationToken).WaitAsync(cancellationToken).ConfigureAwait(false);
        if (answer is not { Kind: GuardAnswerKind.Accepted or GuardAnswerKind.Already })
        {
            throw new MigrationException(
                MigrationErrorKind.OwnershipFailed,
                answer is { } refused
                    ? $"The guard at {_guard} refuses epoch {epoch} of guest {guest}: it knows epoch {refused.Value}. A newer owner exists; this copy must not run."
                    : $"The guard at {_guard} did not answer within {Units.FormatDuration(_limit)}: start it, or check the address and the network.");
        }
    }

    /// <summary>Ends the connection; a request under way fails.</summary>
    public void Dispose()
    {
        _ended = true;
        Volatile.Read(ref _socket)?.Dispose();
    }

    /// <summary>Sends a request and waits for its answer.</summary>
    /// <returns>The answer; null: none came, and nobody knows whether the request was carried out.</returns>
    internal GuardAnswer? Ask(in GuardRequest request)
    {
        lock (_exchange)
        {
            // Twice: a guard that was restarted leaves a connection that fails at its first use. Every request can be
            // repeated without being carried out twice.
            using ITimer limit = StartLimit();
            for (int attempt = 0; attempt < 2 && !_ended; attempt++)
            {
                bool isOld = _socket is { Connected: true };
                if (TryExchange(request) is { } answer)
                {
                    return answer;
                }

                Drop();
                if (!isOld)
                {
                    break;
                }
            }

            return null;
        }
    }

    private GuardAnswer? TryExchange(in GuardRequest request)
    {
        try
        {
            Socket socket = Connect();
            GuardFrames.Write(request, _request);
            for (int sent = 0; sent < _request.Length;)
            {
                sent += socket.Send(_request.AsSpan(sent));
            }

            for (int received = 0; received < _answer.Length;)
            {
                int bytes = socket.Receive(_answer.AsSpan(received));
                if (bytes == 0)
                {
                    return null;
                }

                received += bytes;
            }

            return GuardFrames.TryRead(_answer, out GuardAnswer answer) ? answer : null;
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            return null;
        }
    }

    private Socket Connect()
    {
        if (_socket is { Connected: true } connected)
        {
            return connected;
        }

        Drop();
        Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        Volatile.Write(ref _socket, socket);
        ObjectDisposedException.ThrowIf(_ended, this);
        socket.Connect(_guard);
        return socket;
    }

    private void Drop() => Interlocked.Exchange(ref _socket, null)?.Dispose();

    private ITimer StartLimit() => _time.CreateTimer(_ => Volatile.Read(ref _socket)?.Dispose(), null, _limit, Timeout.InfiniteTimeSpan);
}
