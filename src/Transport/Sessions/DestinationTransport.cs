using PageEngine.Devices;
using PageEngine.Streaming;
using PageEngine.Transport.Control;
using PageEngine.Transport.Sealing;

namespace PageEngine.Transport.Sessions;

// Owns: the destination's connections: what the source's frames mean, and the page streams.
// It acknowledges rounds by itself, collects the device state, and leaves every decision to the session.

/// <summary>The transport role at the destination.</summary>
internal sealed class DestinationTransport : IAsyncDisposable
{
    private readonly PeerChannel _peer;
    private readonly Lock _collecting = new();
    private MemoryStream _deviceState = new();
    private MemoryStream _takenState = new();
    private MigrationConnection[] _pageConnections = [];
    private PageReceiver[] _receivers = [];
    private RoundArrivals? _arrivals;
    private volatile bool _stopping;

    internal DestinationTransport(MigrationConnection connection, TimeProvider time, TimeSpan silenceLimit, SessionRoles roles)
    {
        _peer = new PeerChannel(connection, time, silenceLimit, roles, Dispatch, cause => Volatile.Read(ref _arrivals)?.Fail(cause));
        _peer.Start();
    }

    internal string Peer => _peer.Connection.RemoteDescription;

    internal MigrationConnection Connection => _peer.Connection;

    internal int Streams => _receivers.Length;

    /// <summary>Gets a task that fails when the transport does, whatever messages still wait.</summary>
    internal Task Faulted => _peer.Faulted;

    /// <summary>Gets the bytes that the page streams carried in finished rounds.</summary>
    internal long WireBytes => _arrivals?.Sum().WireBytes ?? 0;

    /// <summary>Gets what has arrived, stream by stream and round by round.</summary>
    internal RoundArrivals Arrivals => _arrivals!;

    /// <summary>Starts receiving pages on connections that have joined; owns them from then on.</summary>
    internal void StartReceiving(MigrationConnection[] connections, PageApplier applier, ReadOnlyMemory<byte> secret)
    {
        // A full fence: either this sees a fault that came before, or Fail sees the arrivals. A message that was received
        // before the fault may still be waiting, and what it asks for would be waited for in vain.
        var arrivals = new RoundArrivals(connections.Length);
        Interlocked.Exchange(ref _arrivals, arrivals);
        if (_peer.Fault is { } fault)
        {
            arrivals.Fail(fault);
        }

        _pageConnections = connections;
        _receivers = new PageReceiver[connections.Length];
        for (int i = 0; i < connections.Length; i++)
        {
            _receivers[i] = PageReceiver.Start(connections[i], applier, i, OnRoundEnd, PageSeal.For(secret, i));
            _ = WatchAsync(_receivers[i]);
        }
    }

    internal ValueTask SendAsync<T>(ControlKind kind, T message, Action<T, PayloadWriter> write, CancellationToken cancellationToken = default) =>
        _peer.SendAsync(kind, message, write, cancellationToken);

    internal ValueTask SendAsync(ControlKind kind, CancellationToken cancellationToken = default) =>
        _peer.SendAsync(kind, 0, static (_, _) => { }, cancellationToken);

    /// <summary>Waits for the source's next message.</summary>
    /// <exception cref="MigrationException">The peer failed or was lost.</exception>
    internal ValueTask<InboxMessage> NextAsync(CancellationToken cancellationToken) => _peer.NextAsync(cancellationToken);

    /// <summary>Takes the device state that was collected so far. It stays as it is until the next one is taken, whatever the source
    /// sends meanwhile.</summary>
    /// <remarks>Two buffers in turn: rehearsals have touched both, so that the guest does not stand still for their memory.</remarks>
    internal ReadOnlyMemory<byte> TakeDeviceState()
    {
        lock (_collecting)
        {
            (_takenState, _deviceState) = (_deviceState, _takenState);
            _deviceState.SetLength(0);
            return _takenState.GetBuffer().AsMemory(0, (int)_takenState.Length);
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

    /// <summary>Ends the migration for a reason that another role found.</summary>
    internal void Fail(MigrationException cause) => _peer.Fail(cause);

    /// <summary>Tells the peer why this side ends, if the connection still carries it. Never throws, never waits long.</summary>
    internal Task SayAsync(MigrationException failure) => _peer.SayAsync(failure);

    public async ValueTask DisposeAsync()
    {
        await _peer.StopAsync().ConfigureAwait(false);
        await StopReceivingAsync().ConfigureAwait(false);
        await _peer.DisposeAsync().ConfigureAwait(false);
        _deviceState.Dispose();
        _takenState.Dispose();
    }

    private void OnRoundEnd(StreamRoundTotals totals)
    {
        _arrivals!.Add(totals);
        _ = AcknowledgeAsync(totals);
    }

    private async Task AcknowledgeAsync(StreamRoundTotals totals)
    {
        try
        {
            await _peer.SendAsync(ControlKind.RoundApplied, new RoundAppliedMessage(totals), static (m, w) => m.Write(w)).ConfigureAwait(false);
        }
        catch (MigrationException e)
        {
            _peer.Fail(e);
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
            e.DetectedBy = DetectedBy.Transport;
            MigrationException cause = await _peer.BetterCauseAsync(e).ConfigureAwait(false);
            if (!_stopping)
            {
                _peer.Fail(cause);
            }
        }
        catch (Exception e)
        {
            _peer.Fail(SessionFailure.Complete(e, MigrationPhase.None));
        }
    }

    private void Dispatch(ControlFrame frame)
    {
        ReadOnlySpan<byte> payload = frame.Payload.Span;
        switch (frame.Kind)
        {
            case ControlKind.Hello:
                _peer.Post(frame.Kind, HelloMessage.Read(payload));
                break;
            case ControlKind.DeviceState:
                CollectDeviceState(payload);
                break;
            case ControlKind.Prepare:
                _peer.Post(frame.Kind, PrepareMessage.Read(payload));
                break;
            case ControlKind.Commit:
                _peer.Post(frame.Kind, CommitMessage.Read(payload));
                break;
            case ControlKind.PauseNotice:
                _peer.Post(frame.Kind, PauseNoticeMessage.Read(payload));
                break;
            case ControlKind.Goodbye:
                _peer.Post(frame.Kind, GoodbyeMessage.Read(payload));
                break;
            case ControlKind.HashesRequest:
                _peer.Post(frame.Kind, null);
                break;
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
        lock (_collecting)
        {
            if (offset != _deviceState.Length || offset + chunk.Length > DeviceStateCodec.MaxEncodedBytes)
            {
                throw ControlFrameCodec.Violation($"device state for offset {offset} came where {_deviceState.Length} was due, or is too long");
            }

            _deviceState.Write(chunk);
        }
    }
}
