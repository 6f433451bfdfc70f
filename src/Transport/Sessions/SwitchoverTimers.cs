namespace PageEngine.Transport.Sessions;

// Owns: the timers of one switchover: the wait for the peer, the short wait between tries, the time for all tries.

/// <summary>A timer of the switchover.</summary>
internal enum SwitchoverTimer
{
    None = 0,

    /// <summary>The peer has not answered.</summary>
    Peer,

    /// <summary>It is time for the next try.</summary>
    Retry,

    /// <summary>The time for tries is over.</summary>
    Period,
}

/// <summary>Keeps what is due when. Used by the switchover's own task; no timer lives beyond a wait.</summary>
internal sealed class SwitchoverTimers(TimeProvider time, TimeSpan period)
{
    /// <summary>How long to wait before the record is looked at again.</summary>
    internal static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(250);

    private readonly long _began = time.GetTimestamp();
    private TimeSpan? _peerAt;
    private TimeSpan? _retryAt;
    private bool _periodOver;
    private bool _lookedOnceMore;

    private TimeSpan Now => time.GetElapsedTime(_began);

    // A new wait for the peer replaces whatever was waited for before: a timer counts only in the state that started it.
    internal void StartPeer()
    {
        _peerAt = Now + period;
        _retryAt = null;
    }

    internal void StartRetry()
    {
        _retryAt = Now + RetryInterval;
        _peerAt = null;
    }

    /// <summary>Makes a source that is cancelled when the nearest timer is due.</summary>
    internal CancellationTokenSource Nearest()
    {
        TimeSpan? nearest = Earlier(Earlier(_peerAt, _retryAt), _periodOver ? null : PeriodEnd);
        return nearest is null
            ? new CancellationTokenSource()
            : new CancellationTokenSource(nearest.Value - Now is var rest && rest > TimeSpan.Zero ? rest : TimeSpan.Zero, time);
    }

    /// <summary>Says which timer ended a wait, and takes it.</summary>
    internal SwitchoverTimer TakeDue()
    {
        // The peer's limit and the end of all tries are equally long: whoever waits for the peer hears of that first.
        TimeSpan? first = Earlier(Earlier(_peerAt, _retryAt), _periodOver ? null : PeriodEnd);
        if (first == _retryAt && _retryAt is not null)
        {
            _retryAt = null;
            return SwitchoverTimer.Retry;
        }

        if (first == _peerAt && _peerAt is not null)
        {
            _peerAt = null;
            return SwitchoverTimer.Peer;
        }

        // A process that was stopped for longer than all tries may take has not tried: it looks once more before it gives up.
        if (!_lookedOnceMore && (_peerAt ?? _retryAt) is not null)
        {
            _lookedOnceMore = true;
            SwitchoverTimer waited = _peerAt is null ? SwitchoverTimer.Retry : SwitchoverTimer.Peer;
            _peerAt = _retryAt = null;
            return waited;
        }

        _periodOver = true;
        return SwitchoverTimer.Period;
    }

    private TimeSpan? PeriodEnd => period + period;

    private static TimeSpan? Earlier(TimeSpan? a, TimeSpan? b) => a is null ? b : b is null || a <= b ? a : b;
}
