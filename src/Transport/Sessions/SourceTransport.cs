using PageEngine.Compression;
using PageEngine.Memory;
using PageEngine.Streaming;
using PageEngine.Transport.Control;
using PageEngine.Transport.Sealing;

namespace PageEngine.Transport.Sessions;

// Owns: the source's connections: what the destination's frames mean, and the page streams with the barrier between rounds.
// It detects failures and tells whoever waits; it decides nothing.

/// <summary>The transport role at the source.</summary>
internal sealed class SourceTransport : IAsyncDisposable
{
    private readonly PeerChannel _peer;
    private readonly List<MigrationConnection> _pageConnections = [];
    private readonly List<PageSender> _senders = [];
    private PageSending? _sending;
    private RoundBarrier? _barrier;
    private StreamRoundTotals[] _totals = [];

    private SourceTransport(MigrationConnection connection, TimeProvider time, TimeSpan silenceLimit, SessionRoles roles)
    {
        _peer = new PeerChannel(connection, time, silenceLimit, roles, Dispatch, cause => Volatile.Read(ref _barrier)?.Fail(cause));
        _peer.Start();
    }

    /// <summary>Gets the number of page streams.</summary>
    internal int Streams => _senders.Count;

    /// <summary>Gets the peer, for people.</summary>
    internal string Peer => _peer.Connection.RemoteDescription;

    /// <summary>Gets the control connection, for the log.</summary>
    internal MigrationConnection Connection => _peer.Connection;

    /// <summary>Gets the shortest round trip seen.</summary>
    internal TimeSpan RoundTrip => _peer.RoundTrip;

    /// <summary>Gets what each stream sent since the start.</summary>
    internal StreamRoundTotals[] Totals => _totals;

    /// <summary>Gets how many streams carried pages.</summary>
    internal int UsedStreams => _sending?.Gate?.MostActive ?? Streams;

    /// <summary>Gets what the encoders did so far.</summary>
    internal EncodingReport Encoding => _sending?.Encoding?.Report ?? new EncodingReport();

    /// <summary>Gets a task that fails when the transport does, whatever messages still wait.</summary>
    internal Task Faulted => _peer.Faulted;

    /// <summary>Gets or sets who takes the destination's page hashes while verification runs.</summary>
    internal Action<ReadOnlyMemory<byte>>? HashSink { get; set; }

    /// <summary>Opens the control channel and says hello.</summary>
    internal static async Task<SourceTransport> ConnectAsync(
        IMigrationConnector connector, HelloMessage hello, TimeProvider time, TimeSpan silenceLimit, SessionRoles roles, CancellationToken cancellationToken)
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

        var transport = new SourceTransport(connection, time, silenceLimit, roles);
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
    /// <param name="sending">What they share; owned from here on.</param>
    internal async Task OpenStreamsAsync(
        IMigrationConnector connector, WelcomeMessage welcome, GuestMemory memory, PageSending sending, Action<int> onAdded, CancellationToken cancellationToken)
    {
        _sending = sending;
        string? dataEndPoint = welcome.DataEndPoint.Length > 0 ? welcome.DataEndPoint : null;
        for (int i = 0; i < welcome.Streams; i++)
        {
            MigrationConnection connection = await ConnectAsync(connector, ConnectionPurpose.Pages, dataEndPoint, cancellationToken).ConfigureAwait(false);
            _pageConnections.Add(connection);
            await connection.WritePreambleAsync(new ConnectionPreamble(ConnectionPurpose.Pages, i, welcome.StreamToken).Encode(), cancellationToken).ConfigureAwait(false);
            _senders.Add(PageSender.Create(connection, memory, i, sending, PageSeal.For(welcome.PageSecret, i)));
            onAdded(i + 1);
        }

        _totals = new StreamRoundTotals[_senders.Count];
    }

    internal ValueTask SendAsync<T>(ControlKind kind, T message, Action<T, PayloadWriter> write, CancellationToken cancellationToken = default) =>
        _peer.SendAsync(kind, message, write, cancellationToken);

    internal ValueTask PingAsync(CancellationToken cancellationToken) => _peer.PingAsync(cancellationToken);

    /// <summary>Waits for the destination's next message.</summary>
    /// <exception cref="MigrationException">The peer failed or was lost.</exception>
    internal ValueTask<InboxMessage> NextAsync(CancellationToken cancellationToken) => _peer.NextAsync(cancellationToken);

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
        if (_peer.Fault is { } fault)
        {
            throw fault;
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

    /// <summary>Ends the migration for a reason that another role found: whoever waits for the peer is told.</summary>
    internal void Fail(MigrationException cause) => _peer.Fail(cause);

    /// <summary>Tells the peer why this side ends, if the connection still carries it. Never throws, never waits long.</summary>
    internal Task SayAsync(MigrationException failure) => _peer.SayAsync(failure);

    public async ValueTask DisposeAsync()
    {
        await _peer.StopAsync().ConfigureAwait(false);
        AbortStreams();
        foreach (PageSender sender in _senders)
        {
            await sender.DisposeAsync().ConfigureAwait(false);
        }

        foreach (MigrationConnection connection in _pageConnections)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
        }

        _sending?.Encoding?.Dispose();
        await _peer.DisposeAsync().ConfigureAwait(false);
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
            _peer.Fail(await _peer.BetterCauseAsync(e).ConfigureAwait(false));
            throw _peer.FaultOrLost();
        }
    }

    private void Dispatch(ControlFrame frame)
    {
        ReadOnlySpan<byte> payload = frame.Payload.Span;
        switch (frame.Kind)
        {
            case ControlKind.RoundApplied:
                RoundBarrier barrier = Volatile.Read(ref _barrier) ?? throw ControlFrameCodec.Violation("a round was acknowledged before the first one began");
                barrier.Acknowledge(RoundAppliedMessage.Read(payload).Totals);
                break;
            case ControlKind.Hashes:
                (HashSink ?? throw ControlFrameCodec.Violation("hashes came that nobody asked for"))(frame.Payload);
                break;
            case ControlKind.Welcome:
                _peer.Post(frame.Kind, WelcomeMessage.Read(payload));
                break;
            case ControlKind.Prepared:
                _peer.Post(frame.Kind, PreparedMessage.Read(payload));
                break;
            case ControlKind.Running:
                _peer.Post(frame.Kind, RunningMessage.Read(payload));
                break;
            case ControlKind.Goodbye:
                _peer.Post(frame.Kind, GoodbyeMessage.Read(payload));
                break;
            case ControlKind.HandedBack:
                _peer.Post(frame.Kind, HandedBackMessage.Read(payload));
                break;
            case ControlKind.Ready:
                _peer.Post(frame.Kind, null);
                break;
            default:
                throw ControlFrameCodec.Violation($"a {frame.Kind} frame came from the destination");
        }
    }
}
