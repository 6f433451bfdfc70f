using PageEngine.Transport.Control;

namespace PageEngine.Transport.Sessions;

// Owns: the one-second tick: sends a sign of life, notices a silent peer, measures the round trip.

/// <summary>Watches one control channel. Dispose ends the timer; nothing fires afterwards.</summary>
internal sealed class PeerLiveness : IAsyncDisposable
{
    /// <summary>How often a sign of life is sent.</summary>
    internal static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    // The longest gap between two ticks that a busy machine explains.
    private static readonly TimeSpan _stopped = Interval * 3;

    private readonly ControlChannel _channel;
    private readonly TimeProvider _time;
    private readonly TimeSpan _silenceLimit;
    private readonly Action<MigrationException> _onSilent;
    private readonly Action? _onTick;
    private readonly ITimer _timer;
    private long _lastHeard;
    private long _lastTick;
    private long _shortestRoundTripTicks = long.MaxValue;
    private int _sending;
    private volatile bool _disposed;

    internal PeerLiveness(ControlChannel channel, TimeProvider time, TimeSpan silenceLimit, Action<MigrationException> onSilent, Action? onTick = null)
    {
        _channel = channel;
        _time = time;
        _silenceLimit = silenceLimit;
        _onSilent = onSilent;
        _onTick = onTick;
        _lastHeard = time.GetTimestamp();
        _lastTick = _lastHeard;
        _timer = time.CreateTimer(static self => ((PeerLiveness)self!).Tick(), this, Interval, Interval);
    }

    /// <summary>Gets the shortest round trip seen; zero before the first.</summary>
    internal TimeSpan RoundTrip =>
        Interlocked.Read(ref _shortestRoundTripTicks) is long ticks and not long.MaxValue ? TimeSpan.FromTicks(ticks) : TimeSpan.Zero;

    /// <summary>Notes that a frame came; answers a Ping, measures a Pong.</summary>
    internal ValueTask HeardAsync(ControlFrame frame)
    {
        Interlocked.Exchange(ref _lastHeard, _time.GetTimestamp());
        switch (frame.Kind)
        {
            case ControlKind.Ping:
                return _channel.SendAsync(ControlKind.Pong, PingMessage.Read(frame.Payload.Span, ControlKind.Ping), static (m, w) => m.Write(w));
            case ControlKind.Pong:
                long sentAt = unchecked((long)PingMessage.Read(frame.Payload.Span, ControlKind.Pong).Stamp);
                long ticks = _time.GetElapsedTime(sentAt).Ticks;
                if (ticks >= 0 && ticks < Interlocked.Read(ref _shortestRoundTripTicks))
                {
                    Interlocked.Exchange(ref _shortestRoundTripTicks, ticks);
                }

                return ValueTask.CompletedTask;
            default:
                return ValueTask.CompletedTask;
        }
    }

    /// <summary>Sends one Ping now.</summary>
    internal ValueTask PingAsync(CancellationToken cancellationToken = default) =>
        _channel.SendAsync(ControlKind.Ping, new PingMessage(unchecked((ulong)_time.GetTimestamp())), static (m, w) => m.Write(w), cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _disposed = true;
        return _timer.DisposeAsync();
    }

    private void Tick()
    {
        if (_disposed)
        {
            return;
        }

        _onTick?.Invoke();

        // A process that was stopped itself has heard nobody: what the peer said meanwhile waits to be read. Only what is
        // not heard from now on is the peer's silence.
        long now = _time.GetTimestamp();
        if (_time.GetElapsedTime(Interlocked.Exchange(ref _lastTick, now), now) > _stopped)
        {
            Interlocked.Exchange(ref _lastHeard, now);
        }

        TimeSpan silence = _time.GetElapsedTime(Interlocked.Read(ref _lastHeard));
        if (silence > _silenceLimit)
        {
            _onSilent(new MigrationException(
                MigrationErrorKind.Timeout,
                $"The peer has been silent for {silence.TotalSeconds:0.0} s (limit {_silenceLimit.TotalSeconds:0.0} s). Check the peer's process and the network between the hosts.")
            { DetectedBy = DetectedBy.Transport });
            return;
        }

        // A Ping that is still waiting for the send lock is enough; a second one would only queue behind it.
        if (Interlocked.Exchange(ref _sending, 1) == 0)
        {
            _ = SendPingAsync();
        }
    }

    private async Task SendPingAsync()
    {
        try
        {
            await PingAsync().ConfigureAwait(false);
        }
        catch (MigrationException e) when (!_disposed)
        {
            _onSilent(e);
        }
        catch (MigrationException)
        {
            // The channel was closed together with this.
        }
        finally
        {
            Interlocked.Exchange(ref _sending, 0);
        }
    }
}
