using System.Threading.Channels;
using PageEngine.Devices;
using PageEngine.Streaming;
using PageEngine.Transport.Control;

namespace PageEngine.Transport.Sessions;

// Owns: the destination's connections: the control channel with its frame pump, the page streams, the signs of life.
// It acknowledges rounds by itself, collects the device state, and leaves every decision to the session.

/// <summary>The transport role at the destination.</summary>
internal sealed class DestinationTransport : IAsyncDisposable
{
    private const int InboxCapacity = 64;

    private readonly MigrationConnection _connection;
    private readonly ControlChannel _control;
    private readonly PeerLiveness _liveness;
    private readonly Channel<InboxMessage> _inbox = Channel.CreateBounded<InboxMessage>(InboxCapacity);
    private readonly TaskCompletionSource _faulted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _ended = new();
    private readonly MemoryStream _deviceState = new();
    private readonly Task _pump;
    private MigrationConnection[] _pageConnections = [];
    private PageReceiver[] _receivers = [];
    private RoundArrivals? _arrivals;
    private MigrationException? _fault;
    private volatile bool _stopping;

    internal DestinationTransport(MigrationConnection connection, TimeProvider time, TimeSpan silenceLimit)
    {
        _connection = connection;
        _control = new ControlChannel(connection.OpenControl());
        _liveness = new PeerLiveness(_control, time, silenceLimit, Fail);
        _pump = Task.Run(PumpAsync);
    }

    internal string Peer => _connection.RemoteDescription;

    internal MigrationConnection Connection => _connection;

    internal int Streams => _receivers.Length;

    /// <summary>Gets a task that fails when the transport does, whatever messages still wait.</summary>
    internal Task Faulted => _faulted.Task;

    /// <summary>Gets the bytes that the page streams carried in finished rounds.</summary>
    internal long WireBytes => _arrivals?.Sum().WireBytes ?? 0;

    /// <summary>Gets what has arrived, stream by stream and round by round.</summary>
    internal RoundArrivals Arrivals => _arrivals!;

    /// <summary>Starts receiving pages on connections that have joined; owns them from then on.</summary>
    internal void StartReceiving(MigrationConnection[] connections, PageApplier applier)
    {
        // A full fence: either this sees a fault that came before, or Fail sees the arrivals. A message that was received
        // before the fault may still be waiting, and what it asks for would be waited for in vain.
        var arrivals = new RoundArrivals(connections.Length);
        Interlocked.Exchange(ref _arrivals, arrivals);
        if (Volatile.Read(ref _fault) is { } fault)
        {
            arrivals.Fail(fault);
        }

        _pageConnections = connections;
        _receivers = new PageReceiver[connections.Length];
        for (int i = 0; i < connections.Length; i++)
        {
            _receivers[i] = PageReceiver.Start(connections[i], applier, i, OnRoundEnd);
            _ = WatchAsync(_receivers[i]);
        }
    }

    internal ValueTask SendAsync<T>(ControlKind kind, T message, Action<T, PayloadWriter> write, CancellationToken cancellationToken = default) =>
        _control.SendAsync(kind, message, write, cancellationToken);

    internal ValueTask SendAsync(ControlKind kind, CancellationToken cancellationToken = default) => _control.SendAsync(kind, cancellationToken);

    /// <summary>Waits for the source's next message.</summary>
    /// <exception cref="MigrationException">The peer failed or was lost.</exception>
    internal async ValueTask<InboxMessage> NextAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _inbox.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (ChannelClosedException)
        {
            throw Fault();
        }
    }

    /// <summary>Takes the device state that was collected so far.</summary>
    internal ReadOnlyMemory<byte> TakeDeviceState()
    {
        lock (_deviceState)
        {
            byte[] bytes = _deviceState.ToArray();
            _deviceState.SetLength(0);
            return bytes;
        }
    }

    /// <summary>Waits until every receiver has stopped, so that nothing writes guest memory any more.</summary>
    internal async Task StopReceivingAsync()
    {
        _stopping = true;
        foreach (MigrationConnection connection in _pageConnections)
        {
            connection.Abort();
        }

        foreach (PageReceiver receiver in _receivers)
        {
            await receiver.DisposeAsync().ConfigureAwait(false);
        }

        foreach (MigrationConnection connection in _pageConnections)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
        }

        _receivers = [];
        _pageConnections = [];
    }

    /// <summary>Tells the peer why this side ends, if the connection still carries it. Never throws, never waits long.</summary>
    internal async Task SayAsync(MigrationException failure)
    {
        if (!failure.FromPeer && failure.Kind != MigrationErrorKind.ConnectionLost)
        {
            await _control.TrySendAsync(ControlKind.Failure, FailureMessage.From(failure), static (m, w) => m.Write(w)).ConfigureAwait(false);
        }
    }

    internal void Fail(MigrationException cause)
    {
        if (Interlocked.CompareExchange(ref _fault, cause, null) is null)
        {
            _inbox.Writer.TryComplete(cause);
            _faulted.TrySetException(cause);
            _ = _faulted.Task.Exception;
            Volatile.Read(ref _arrivals)?.Fail(cause);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Fail(new MigrationException(MigrationErrorKind.Cancelled, "The migration has ended."));
        await _ended.CancelAsync().ConfigureAwait(false);
        await _liveness.DisposeAsync().ConfigureAwait(false);
        await StopReceivingAsync().ConfigureAwait(false);
        _connection.Abort();
        await _pump.ConfigureAwait(false);
        await _control.DisposeAsync().ConfigureAwait(false);
        await _connection.DisposeAsync().ConfigureAwait(false);
        _deviceState.Dispose();
        _ended.Dispose();
    }

    private MigrationException Fault() =>
        Volatile.Read(ref _fault) ?? new MigrationException(MigrationErrorKind.ConnectionLost, "The connection to the source was lost.");

    private void OnRoundEnd(StreamRoundTotals totals)
    {
        _arrivals!.Add(totals);
        _ = AcknowledgeAsync(totals);
    }

    private async Task AcknowledgeAsync(StreamRoundTotals totals)
    {
        try
        {
            await _control.SendAsync(ControlKind.RoundApplied, new RoundAppliedMessage(totals), static (m, w) => m.Write(w)).ConfigureAwait(false);
        }
        catch (MigrationException e)
        {
            Fail(e);
        }
    }

    private async Task WatchAsync(PageReceiver receiver)
    {
        try
        {
            await receiver.Completion.ConfigureAwait(false);
        }
        catch (MigrationException) when (_stopping)
        {
            // This side ended the streams: everything that was to come on them is here.
        }
        catch (MigrationException e)
        {
            // A stream that breaks because the whole peer is gone shows on the control channel too, with a better reason.
            if (e.Kind == MigrationErrorKind.ConnectionLost)
            {
                await Task.WhenAny(_pump, Task.Delay(TimeSpan.FromMilliseconds(200))).ConfigureAwait(false);
            }

            e.DetectedBy = DetectedBy.Transport;
            if (!_stopping)
            {
                Fail(e);
            }
        }
        catch (Exception e)
        {
            Fail(SessionFailure.Complete(e, MigrationPhase.None));
        }
    }

    private async Task PumpAsync()
    {
        try
        {
            while (!_ended.IsCancellationRequested)
            {
                ControlFrame frame = await _control.ReceiveAsync(_ended.Token).ConfigureAwait(false);
                await _liveness.HeardAsync(frame).ConfigureAwait(false);
                Dispatch(frame);
            }
        }
        catch (OperationCanceledException)
        {
            // The session ended and stopped listening.
        }
        catch (MigrationException e)
        {
            e.DetectedBy = e.DetectedBy == DetectedBy.None ? DetectedBy.Transport : e.DetectedBy;
            Fail(e);
        }
        catch (Exception e)
        {
            // Whoever waits must learn of it: a pump that dies silently would leave him waiting for ever.
            Fail(SessionFailure.Complete(e, MigrationPhase.None));
        }
    }

    private void Dispatch(ControlFrame frame)
    {
        ReadOnlySpan<byte> payload = frame.Payload.Span;
        switch (frame.Kind)
        {
            case ControlKind.Ping or ControlKind.Pong:
                break;
            case ControlKind.Hello:
                Post(frame.Kind, HelloMessage.Read(payload));
                break;
            case ControlKind.DeviceState:
                CollectDeviceState(payload);
                break;
            case ControlKind.Prepare:
                Post(frame.Kind, PrepareMessage.Read(payload));
                break;
            case ControlKind.Commit:
                Post(frame.Kind, CommitMessage.Read(payload));
                break;
            case ControlKind.PauseNotice:
                Post(frame.Kind, PauseNoticeMessage.Read(payload));
                break;
            case ControlKind.Goodbye:
                Post(frame.Kind, GoodbyeMessage.Read(payload));
                break;
            case ControlKind.HashesRequest:
                Post(frame.Kind, null);
                break;
            case ControlKind.Failure:
                throw FailureMessage.Read(payload).ToException();
            default:
                throw ControlFrameCodec.Violation($"a {frame.Kind} frame came from the source");
        }
    }

    private void CollectDeviceState(ReadOnlySpan<byte> payload)
    {
        if (Volatile.Read(ref _arrivals) is null)
        {
            // A stranger who only said hello may not fill this host's memory.
            throw ControlFrameCodec.Violation("device state came before the destination was ready");
        }

        long offset = DeviceStateMessage.Read(payload, out ReadOnlySpan<byte> chunk);
        lock (_deviceState)
        {
            if (offset != _deviceState.Length || offset + chunk.Length > DeviceStateCodec.MaxEncodedBytes)
            {
                throw ControlFrameCodec.Violation($"device state for offset {offset} came where {_deviceState.Length} was due, or is too long");
            }

            _deviceState.Write(chunk);
        }
    }

    private void Post(ControlKind kind, object? body)
    {
        if (!_inbox.Writer.TryWrite(new InboxMessage(kind, body)) && _fault is null)
        {
            throw ControlFrameCodec.Violation("messages came faster than they are handled");
        }
    }
}
