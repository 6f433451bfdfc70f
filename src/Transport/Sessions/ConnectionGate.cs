using System.Threading.Channels;
using PageEngine.Transport.Control;

namespace PageEngine.Transport.Sessions;

// Owns: the accept loop of a destination while one migration is received: who gets in, as what.
// A stranger's connection is closed; it cannot disturb a migration that is under way.

/// <summary>Accepts connections, reads their first bytes, and gives each to whom it belongs.</summary>
internal sealed class ConnectionGate : IAsyncDisposable
{
    /// <summary>How long a connection may take to send its first bytes.</summary>
    internal static readonly TimeSpan PreambleTimeout = TimeSpan.FromSeconds(10);

    /// <summary>How long a source that is turned away may take to read why.</summary>
    internal static readonly TimeSpan FarewellTimeout = TimeSpan.FromSeconds(2);

    /// <summary>How many connections may be in that state at once.</summary>
    internal const int MaxUndecided = 64;

    private readonly IMigrationAcceptor _acceptor;
    private readonly TimeProvider _time;
    private readonly Action<string> _refused;
    private readonly ConnectionPurpose _serves;
    private readonly CancellationTokenSource _ended;
    private readonly SemaphoreSlim _undecided = new(MaxUndecided, MaxUndecided);
    private readonly Channel<MigrationConnection> _control = Channel.CreateBounded<MigrationConnection>(1);
    private readonly HashSet<Task> _deciding = [];
    private readonly Lock _gate = new();
    private readonly Task _accepting;
    private StreamJoiner? _joiner;
    private bool _taken;

    /// <param name="acceptor">Gives the connections.</param>
    /// <param name="time">The clock.</param>
    /// <param name="refused">Is told, in a sentence, why somebody was turned away who did not prove himself.</param>
    /// <param name="cancellationToken">Ends everything.</param>
    /// <param name="serves">What the first connection has to be for: a migration, or a measurement.</param>
    internal ConnectionGate(IMigrationAcceptor acceptor, TimeProvider time, Action<string> refused, CancellationToken cancellationToken, ConnectionPurpose serves = ConnectionPurpose.Control)
    {
        _serves = serves;
        _acceptor = acceptor;
        _refused = refused;
        _time = time;
        _ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _accepting = Task.Run(AcceptAsync, CancellationToken.None);
    }

    /// <summary>Waits for the control channel of a migration.</summary>
    /// <exception cref="MigrationException">Accepting failed, or the first connection did not speak the protocol.</exception>
    internal async Task<MigrationConnection> ControlConnectionAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _control.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (ChannelClosedException e)
        {
            throw e.InnerException as MigrationException
                ?? new MigrationException(MigrationErrorKind.ConnectionLost, "The destination stopped listening.", e);
        }
    }

    /// <summary>From now on page streams with this joiner's token are let in.</summary>
    internal void LetJoin(StreamJoiner joiner) => Volatile.Write(ref _joiner, joiner);

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync().ConfigureAwait(false);
        await _accepting.ConfigureAwait(false);
        Task[] deciding;
        lock (_gate)
        {
            deciding = [.. _deciding];
        }

        await Task.WhenAll(deciding).ConfigureAwait(false);
        while (_control.Reader.TryRead(out MigrationConnection? unused))
        {
            await unused.DisposeAsync().ConfigureAwait(false);
        }

        foreach (MigrationConnection joined in _joiner?.Close() ?? [])
        {
            await joined.DisposeAsync().ConfigureAwait(false);
        }

        _ended.Dispose();
        _undecided.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                await _undecided.WaitAsync(_ended.Token).ConfigureAwait(false);
                MigrationConnection connection = await _acceptor.AcceptAsync(_ended.Token).ConfigureAwait(false);
                Track(DecideAsync(connection));
            }
        }
        catch (OperationCanceledException)
        {
            // The gate closes.
        }
        catch (MigrationException e)
        {
            _control.Writer.TryComplete(e);
        }
        catch (Exception e)
        {
            // The acceptor is the embedder's and may have been disposed: who waits for a source must not wait for ever.
            _control.Writer.TryComplete(new MigrationException(
                MigrationErrorKind.ConnectionLost, $"The destination stopped listening ({_acceptor.Description}): {e.Message}", e));
        }
    }

    private void Track(Task deciding)
    {
        lock (_gate)
        {
            _deciding.RemoveWhere(task => task.IsCompleted);
            _deciding.Add(deciding);
        }
    }

    private async Task DecideAsync(MigrationConnection connection)
    {
        bool handedOn = false;
        try
        {
            using var patience = new CancellationTokenSource(PreambleTimeout, _time);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(_ended.Token, patience.Token);
            byte[] bytes = new byte[ConnectionPreamble.Bytes];
            await connection.ReadPreambleAsync(bytes, limit.Token).ConfigureAwait(false);
            ConnectionPreamble preamble = ConnectionPreamble.Decode(bytes);
            handedOn = preamble.Purpose == ConnectionPurpose.Pages
                ? Volatile.Read(ref _joiner)?.TryJoin(preamble, connection) ?? false
                : preamble.Purpose == _serves && await TakeControlAsync(connection, limit.Token).ConfigureAwait(false);
        }
        catch (MigrationException e)
        {
            if (e.Kind == MigrationErrorKind.Refused)
            {
                _refused(e.Message);
            }

            // Somebody who connects and goes away without a word is a port scan or a health check; somebody who speaks
            // something else ends the wait, unless a migration is already under way.
            if (e.Kind == MigrationErrorKind.ProtocolViolation && TryTake())
            {
                _control.Writer.TryComplete(e);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or IOException or InvalidOperationException)
        {
            // The gate closes, or the preamble did not come in time: the connection is dropped below.
        }
        finally
        {
            if (!handedOn)
            {
                await connection.DisposeAsync().ConfigureAwait(false);
            }

            _undecided.Release();
        }
    }

    private bool TryTake()
    {
        lock (_gate)
        {
            return !_taken && (_taken = true);
        }
    }

    private async Task<bool> TakeControlAsync(MigrationConnection connection, CancellationToken cancellationToken)
    {
        if (TryTake())
        {
            return _control.Writer.TryWrite(connection);
        }

        // Its Hello is read first and the answer is waited for to be read: a socket that is closed with unread bytes resets
        // the connection, and the source would see that instead of the reason.
        await using var channel = new ControlChannel(connection.OpenControl());
        await channel.ReceiveAsync(cancellationToken).ConfigureAwait(false);
        await channel.TrySendAsync(
            ControlKind.Failure,
            new FailureMessage(
                MigrationErrorKind.Refused, MigrationPhase.Handshake, DetectedBy.Supervisor,
                "The destination is receiving another migration. Wait for it, or start another destination."),
            static (m, w) => m.Write(w)).ConfigureAwait(false);
        using var patience = new CancellationTokenSource(FarewellTimeout, _time);
        using var farewell = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        while (true)
        {
            await channel.ReceiveAsync(farewell.Token).ConfigureAwait(false);
        }
    }
}
