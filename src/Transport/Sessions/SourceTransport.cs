using System.Threading.Channels;
using PageEngine.Memory;
using PageEngine.Streaming;
using PageEngine.Transport.Control;

namespace PageEngine.Transport.Sessions;

// Owns: the source's connections: the control channel with its frame pump, the page streams, the signs of life.
// It detects failures and tells whoever waits; it decides nothing.

/// <summary>A message for the session, decoded.</summary>
internal readonly record struct InboxMessage(ControlKind Kind, object? Body);

/// <summary>The transport role at the source.</summary>
internal sealed class SourceTransport : IAsyncDisposable
{
    // A well-behaved destination has at most a few messages under way; more is a flood.
    private const int InboxCapacity = 64;

    private readonly MigrationConnection _connection;
    private readonly ControlChannel _control;
    private readonly PeerLiveness _liveness;
    private readonly Channel<InboxMessage> _inbox = Channel.CreateBounded<InboxMessage>(InboxCapacity);
    private readonly List<MigrationConnection> _pageConnections = [];
    private readonly List<PageSender> _senders = [];
    private readonly TaskCompletionSource _faulted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _ended = new();
    private readonly Task _pump;
    private RoundBarrier? _barrier;
    private MigrationException? _fault;
    private StreamRoundTotals[] _totals = [];

    private SourceTransport(MigrationConnection connection, TimeProvider time, TimeSpan silenceLimit)
    {
        _connection = connection;
        _control = new ControlChannel(connection.OpenControl());
        _liveness = new PeerLiveness(_control, time, silenceLimit, Fail);
        _pump = Task.Run(PumpAsync);
    }

    /// <summary>Gets the number of page streams.</summary>
    internal int Streams => _senders.Count;

    /// <summary>Gets the peer, for people.</summary>
    internal string Peer => _connection.RemoteDescription;

    /// <summary>Gets the control connection, for the log.</summary>
    internal MigrationConnection Connection => _connection;

    /// <summary>Gets the shortest round trip seen.</summary>
    internal TimeSpan RoundTrip => _liveness.RoundTrip;

    /// <summary>Gets what each stream sent since the start.</summary>
    internal StreamRoundTotals[] Totals => _totals;

    /// <summary>Gets a task that fails when the transport does, whatever messages still wait.</summary>
    internal Task Faulted => _faulted.Task;

    /// <summary>Gets or sets who takes the destination's page hashes while verification runs.</summary>
    internal Action<ReadOnlyMemory<byte>>? HashSink { get; set; }

    /// <summary>Opens the control channel and says hello.</summary>
    internal static async Task<SourceTransport> ConnectAsync(
        IMigrationConnector connector, HelloMessage hello, TimeProvider time, TimeSpan silenceLimit, CancellationToken cancellationToken)
    {
        MigrationConnection connection = await ConnectAsync(connector, ConnectionPurpose.Control, null, cancellationToken).ConfigureAwait(false);
        try
        {
            await connection.WritePreambleAsync(new ConnectionPreamble(ConnectionPurpose.Control, 0, Guid.Empty).Encode(), cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        var transport = new SourceTransport(connection, time, silenceLimit);
        try
        {
            await transport.SendAsync(ControlKind.Hello, hello, static (m, w) => m.Write(w), cancellationToken).ConfigureAwait(false);
            return transport;
        }
        catch
        {
            await transport.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Opens the page streams with the token that the destination handed out.</summary>
    internal async Task OpenStreamsAsync(
        IMigrationConnector connector, WelcomeMessage welcome, GuestMemory memory, BandwidthPacer pacer, Action<int> onAdded, CancellationToken cancellationToken)
    {
        string? dataEndPoint = welcome.DataEndPoint.Length > 0 ? welcome.DataEndPoint : null;
        for (int i = 0; i < welcome.Streams; i++)
        {
            MigrationConnection connection = await ConnectAsync(connector, ConnectionPurpose.Pages, dataEndPoint, cancellationToken).ConfigureAwait(false);
            _pageConnections.Add(connection);
            await connection.WritePreambleAsync(new ConnectionPreamble(ConnectionPurpose.Pages, i, welcome.StreamToken).Encode(), cancellationToken).ConfigureAwait(false);
            _senders.Add(PageSender.Create(connection, memory, i, pacer));
            onAdded(i + 1);
        }

        _totals = new StreamRoundTotals[_senders.Count];
    }

    internal ValueTask SendAsync<T>(ControlKind kind, T message, Action<T, PayloadWriter> write, CancellationToken cancellationToken = default) =>
        _control.SendAsync(kind, message, write, cancellationToken);

    internal ValueTask PingAsync(CancellationToken cancellationToken) => _liveness.PingAsync(cancellationToken);

    /// <summary>Waits for the destination's next message.</summary>
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

    /// <summary>Waits for a message of one kind; anything else is out of order.</summary>
    internal async ValueTask<T> NextAsync<T>(ControlKind kind, CancellationToken cancellationToken)
    {
        InboxMessage message = await NextAsync(cancellationToken).ConfigureAwait(false);
        return message.Kind == kind && message.Body is T body
            ? body
            : throw ControlFrameCodec.Violation($"a {message.Kind} frame came where {kind} was due");
    }

    /// <summary>Sends a round on all streams and waits until the destination has all of it in memory.</summary>
    /// <returns>What was sent, all streams together.</returns>
    internal async Task<StreamRoundTotals> SendRoundAsync(PageRound round, Action? onAllSent, CancellationToken cancellationToken)
    {
        var barrier = new RoundBarrier(round.Index, Streams);

        // A full fence: either this sees the fault, or Fail sees the barrier.
        Interlocked.Exchange(ref _barrier, barrier);
        if (Volatile.Read(ref _fault) is not null)
        {
            throw Fault();
        }

        var sends = new Task<StreamRoundTotals>[Streams];
        for (int i = 0; i < sends.Length; i++)
        {
            sends[i] = SendAndCountAsync(i, round, cancellationToken);
        }

        Task allSent = Task.WhenAll(sends);

        // Not ended by the token itself: it stops the senders, and until they have stopped they read the caller's bitmap.
        await Task.WhenAny(allSent, barrier.Completion).ConfigureAwait(false);
        if (barrier.Completion.IsFaulted)
        {
            // The peer is gone or failed: whoever is blocked in a send must come back before memory may be given up.
            AbortStreams();
        }

        await allSent.ConfigureAwait(false);
        onAllSent?.Invoke();
        await barrier.Completion.WaitAsync(cancellationToken).ConfigureAwait(false);
        var sum = new StreamRoundTotals(round.Index, Streams, 0, 0, 0);
        foreach (Task<StreamRoundTotals> send in sends)
        {
            StreamRoundTotals totals = await send.ConfigureAwait(false);
            barrier.Check(totals);
            sum = sum with
            {
                DataPages = sum.DataPages + totals.DataPages,
                ZeroPages = sum.ZeroPages + totals.ZeroPages,
                WireBytes = sum.WireBytes + totals.WireBytes,
            };
        }

        return sum;
    }

    /// <summary>Tells the peer why this side ends, if the connection still carries it. Never throws, never waits long.</summary>
    internal async Task SayAsync(MigrationException failure)
    {
        if (!failure.FromPeer && failure.Kind != MigrationErrorKind.ConnectionLost)
        {
            await _control.TrySendAsync(ControlKind.Failure, FailureMessage.From(failure), static (m, w) => m.Write(w)).ConfigureAwait(false);
        }
    }

    /// <summary>Ends everything at once; whoever waits gets the cause.</summary>
    internal void Fail(MigrationException cause)
    {
        if (Interlocked.CompareExchange(ref _fault, cause, null) is null)
        {
            _inbox.Writer.TryComplete(cause);
            _faulted.TrySetException(cause);
            _ = _faulted.Task.Exception;
            Volatile.Read(ref _barrier)?.Fail(cause);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Fail(new MigrationException(MigrationErrorKind.Cancelled, "The migration has ended."));
        await _ended.CancelAsync().ConfigureAwait(false);
        await _liveness.DisposeAsync().ConfigureAwait(false);
        AbortStreams();
        foreach (PageSender sender in _senders)
        {
            await sender.DisposeAsync().ConfigureAwait(false);
        }

        foreach (MigrationConnection connection in _pageConnections)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
        }

        _connection.Abort();
        await _pump.ConfigureAwait(false);
        await _control.DisposeAsync().ConfigureAwait(false);
        await _connection.DisposeAsync().ConfigureAwait(false);
        _ended.Dispose();
    }

    // The connector is the embedder's: whatever it throws means that the destination was not reached.
    private static async Task<MigrationConnection> ConnectAsync(
        IMigrationConnector connector, ConnectionPurpose purpose, string? dataEndPoint, CancellationToken cancellationToken)
    {
        try
        {
            return await connector.ConnectAsync(purpose, dataEndPoint, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not (MigrationException or OperationCanceledException))
        {
            throw new MigrationException(
                MigrationErrorKind.ConnectionLost, $"The destination could not be reached ({connector.Description}): {e.Message} Check that it listens and that the network is up.", e);
        }
    }

    private void AbortStreams()
    {
        foreach (MigrationConnection connection in _pageConnections)
        {
            connection.Abort();
        }
    }

    private async Task<StreamRoundTotals> SendAndCountAsync(int stream, PageRound round, CancellationToken cancellationToken)
    {
        try
        {
            StreamRoundTotals totals = await _senders[stream].SendRoundAsync(round, cancellationToken).ConfigureAwait(false);
            StreamRoundTotals sum = _totals[stream];
            _totals[stream] = new StreamRoundTotals(
                round.Index, stream, sum.DataPages + totals.DataPages, sum.ZeroPages + totals.ZeroPages, sum.WireBytes + totals.WireBytes);
            return totals;
        }
        catch (MigrationException e)
        {
            // The control channel often knows the better reason; it gets a moment to say so.
            Fail(await BetterCauseAsync(e).ConfigureAwait(false));
            throw Fault();
        }
    }

    private async Task<MigrationException> BetterCauseAsync(MigrationException cause)
    {
        if (cause.Kind == MigrationErrorKind.ConnectionLost)
        {
            await Task.WhenAny(_pump, Task.Delay(TimeSpan.FromMilliseconds(200))).ConfigureAwait(false);
        }

        return Volatile.Read(ref _fault) ?? cause;
    }

    private MigrationException Fault() =>
        Volatile.Read(ref _fault) ?? new MigrationException(MigrationErrorKind.ConnectionLost, "The connection to the destination was lost.");

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
            case ControlKind.RoundApplied:
                RoundBarrier barrier = Volatile.Read(ref _barrier) ?? throw ControlFrameCodec.Violation("a round was acknowledged before the first one began");
                barrier.Acknowledge(RoundAppliedMessage.Read(payload).Totals);
                break;
            case ControlKind.Hashes:
                (HashSink ?? throw ControlFrameCodec.Violation("hashes came that nobody asked for"))(frame.Payload);
                break;
            case ControlKind.Failure:
                throw FailureMessage.Read(payload).ToException();
            case ControlKind.Welcome:
                Post(frame.Kind, WelcomeMessage.Read(payload));
                break;
            case ControlKind.Prepared:
                Post(frame.Kind, PreparedMessage.Read(payload));
                break;
            case ControlKind.Running:
                Post(frame.Kind, RunningMessage.Read(payload));
                break;
            case ControlKind.Goodbye:
                Post(frame.Kind, GoodbyeMessage.Read(payload));
                break;
            case ControlKind.HandedBack:
                Post(frame.Kind, HandedBackMessage.Read(payload));
                break;
            case ControlKind.Ready:
                Post(frame.Kind, null);
                break;
            default:
                throw ControlFrameCodec.Violation($"a {frame.Kind} frame came from the destination");
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
