using System.Threading.Channels;
using PageEngine.Transport.Control;

namespace PageEngine.Transport.Sessions;

// Owns: what both sides' control connections have in common: the frame pump, the inbox, the signs of life, and the first
// fault, which everybody who waits is told. What a frame means is the side's own affair.

/// <summary>A message for the session, decoded.</summary>
internal readonly record struct InboxMessage(ControlKind Kind, object? Body);

/// <summary>The control connection of one migration, with its pump.</summary>
internal sealed class PeerChannel : IAsyncDisposable
{
    // A well-behaved peer has at most a few messages under way; more is a flood.
    private const int InboxCapacity = 64;

    // A stream that breaks because the whole peer is gone shows here too, with a better reason.
    private static readonly TimeSpan _betterCauseWait = TimeSpan.FromMilliseconds(200);

    private readonly ControlChannel _control;
    private readonly PeerLiveness _liveness;
    private readonly Channel<InboxMessage> _inbox = Channel.CreateBounded<InboxMessage>(InboxCapacity);
    private readonly TaskCompletionSource _faulted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _ended = new();
    private readonly Action<ControlFrame> _dispatch;
    private readonly Action<MigrationException> _onFault;
    private readonly SessionRoles _roles;
    private readonly TimeProvider _time;
    private Task _pump = Task.CompletedTask;
    private MigrationException? _fault;

    /// <param name="connection">The control connection; owned from here on.</param>
    /// <param name="time">The clock.</param>
    /// <param name="silenceLimit">How long the peer may be silent.</param>
    /// <param name="dispatch">Takes each frame on the pump; what it throws ends the migration.</param>
    /// <param name="roles">Hears of the fault, as the transport's finding.</param>
    /// <param name="onFault">Is told of the first fault, after <see cref="Fault"/> shows it.</param>
    internal PeerChannel(
        MigrationConnection connection, TimeProvider time, TimeSpan silenceLimit, SessionRoles roles, Action<ControlFrame> dispatch, Action<MigrationException> onFault)
    {
        Connection = connection;
        _dispatch = dispatch;
        _onFault = onFault;
        _roles = roles;
        _time = time;
        _control = new ControlChannel(connection.OpenControl());
        _liveness = new PeerLiveness(_control, time, silenceLimit, Fail);
    }

    internal MigrationConnection Connection { get; }

    /// <summary>Gets the shortest round trip seen.</summary>
    internal TimeSpan RoundTrip => _liveness.RoundTrip;

    /// <summary>Gets a task that fails when the connection does, whatever messages still wait.</summary>
    internal Task Faulted => _faulted.Task;

    /// <summary>Gets the first fault; null while there is none.</summary>
    internal MigrationException? Fault => Volatile.Read(ref _fault);

    /// <summary>Begins to read frames. Called once, when whoever dispatches them is complete.</summary>
    internal void Start() => _pump = Task.Run(PumpAsync);

    internal ValueTask SendAsync<T>(ControlKind kind, T message, Action<T, PayloadWriter> write, CancellationToken cancellationToken = default) =>
        _control.SendAsync(kind, message, write, cancellationToken);

    internal ValueTask PingAsync(CancellationToken cancellationToken) => _liveness.PingAsync(cancellationToken);

    /// <summary>Puts a decoded message into the inbox. Called by the dispatcher.</summary>
    internal void Post(ControlKind kind, object? body)
    {
        if (!_inbox.Writer.TryWrite(new InboxMessage(kind, body)) && _fault is null)
        {
            throw ControlFrameCodec.Violation("messages came faster than they are handled");
        }
    }

    /// <summary>Waits for the peer's next message.</summary>
    /// <exception cref="MigrationException">The peer failed or was lost.</exception>
    internal async ValueTask<InboxMessage> NextAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _inbox.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (ChannelClosedException)
        {
            throw FaultOrLost();
        }
    }

    /// <summary>Tells the peer why this side ends, if the connection still carries it. Never throws, never waits long.</summary>
    internal async Task SayAsync(MigrationException failure)
    {
        if (!failure.FromPeer && failure.Kind != MigrationErrorKind.ConnectionLost)
        {
            await _control.TrySendAsync(ControlKind.Failure, FailureMessage.From(failure), static (m, w) => m.Write(w)).ConfigureAwait(false);
        }
    }

    /// <summary>Takes the first fault; whoever waits gets it.</summary>
    internal void Fail(MigrationException cause) => Fail(cause, isFailure: true);

    private void Fail(MigrationException cause, bool isFailure)
    {
        if (Interlocked.CompareExchange(ref _fault, cause, null) is null)
        {
            if (isFailure)
            {
                cause.DetectedBy = cause.DetectedBy == DetectedBy.None ? DetectedBy.Transport : cause.DetectedBy;
                _roles.Detect(cause);
            }

            _inbox.Writer.TryComplete(cause);
            _faulted.TrySetException(cause);
            _ = _faulted.Task.Exception;
            _onFault(cause);
        }
    }

    /// <summary>Gets the fault, or that the connection was lost.</summary>
    internal MigrationException FaultOrLost() =>
        Fault ?? new MigrationException(MigrationErrorKind.ConnectionLost, $"The connection to {Connection.RemoteDescription} was lost.");

    /// <summary>Gives the control connection a moment to say why a page stream was lost.</summary>
    internal async Task<MigrationException> BetterCauseAsync(MigrationException cause)
    {
        if (cause.Kind == MigrationErrorKind.ConnectionLost)
        {
            await Task.WhenAny(_pump, Task.Delay(_betterCauseWait, _time)).ConfigureAwait(false);
        }

        return Fault ?? cause;
    }

    /// <summary>Stops listening and telling: nothing fires afterwards. The connection is still there.</summary>
    internal async Task StopAsync()
    {
        Fail(new MigrationException(MigrationErrorKind.Cancelled, "The migration has ended."), isFailure: false);
        await _ended.CancelAsync().ConfigureAwait(false);
        await _liveness.DisposeAsync().ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync().ConfigureAwait(false);
        Connection.Abort();
        await _pump.ConfigureAwait(false);
        await _control.DisposeAsync().ConfigureAwait(false);
        await Connection.DisposeAsync().ConfigureAwait(false);
        _ended.Dispose();
    }

    private async Task PumpAsync()
    {
        try
        {
            while (!_ended.IsCancellationRequested)
            {
                ControlFrame frame = await _control.ReceiveAsync(_ended.Token).ConfigureAwait(false);
                await _liveness.HeardAsync(frame).ConfigureAwait(false);
                switch (frame.Kind)
                {
                    case ControlKind.Ping or ControlKind.Pong:
                        break;
                    case ControlKind.Failure:
                        throw FailureMessage.Read(frame.Payload.Span).ToException();
                    default:
                        _dispatch(frame);
                        break;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The session ended and stopped listening.
        }
        catch (MigrationException e)
        {
            Fail(e);
        }
        catch (Exception e)
        {
            // Whoever waits must learn of it: a pump that dies silently would leave him waiting for ever.
            Fail(SessionFailure.Complete(e, MigrationPhase.None));
        }
    }
}
