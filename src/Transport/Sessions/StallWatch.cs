using PageEngine.Bitmaps;
using PageEngine.Memory;

namespace PageEngine.Transport.Sessions;

// Owns: the alarm for a round that does not get on although the peer gives signs of life, as when only the data network
// is gone. It watches the pages that are still to be sent, once a second, and ends with the round.

/// <summary>Watches one round. Dispose ends it; nothing fires afterwards, and the bitmap is not read any more.</summary>
internal sealed class StallWatch : IDisposable
{
    private static readonly TimeSpan _interval = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly DirtyBitmap _pending;
    private readonly TimeProvider _time;
    private readonly TimeSpan _alarm;
    private readonly TimeSpan _limit;
    private readonly Action<TimeSpan> _onAlarm;
    private readonly Action<MigrationException> _onStalled;
    private readonly ITimer _timer;
    private long _last = -1;
    private long _lastMoved;
    private bool _alarmed;
    private bool _ended;

    /// <param name="pending">The round's pages that have not been sent.</param>
    /// <param name="time">The clock.</param>
    /// <param name="alarm">After how long without a page a person is told.</param>
    /// <param name="limit">After how long the round is over.</param>
    /// <param name="onAlarm">Tells a person.</param>
    /// <param name="onStalled">Ends the round.</param>
    internal StallWatch(
        DirtyBitmap pending, TimeProvider time, TimeSpan alarm, TimeSpan limit, Action<TimeSpan> onAlarm, Action<MigrationException> onStalled)
    {
        _pending = pending;
        _time = time;
        _alarm = alarm;
        _limit = limit;
        _onAlarm = onAlarm;
        _onStalled = onStalled;
        _lastMoved = time.GetTimestamp();
        _timer = time.CreateTimer(static self => ((StallWatch)self!).Look(), this, _interval, _interval);
    }

    public void Dispose()
    {
        _timer.Dispose();
        lock (_gate)
        {
            _ended = true;
        }
    }

    private void Look()
    {
        lock (_gate)
        {
            if (_ended)
            {
                return;
            }

            long left = _pending.Count();
            if (left != _last)
            {
                _last = left;
                _lastMoved = _time.GetTimestamp();
                _alarmed = false;
                return;
            }

            TimeSpan still = _time.GetElapsedTime(_lastMoved);
            if (still >= _limit)
            {
                _ended = true;
                _onStalled(new MigrationException(
                    MigrationErrorKind.Timeout,
                    $"No page was taken for {still.TotalSeconds:0} s with {left} pages ({Units.FormatBytes(left * MemoryLayout.PageBytes)}) to go, although the destination is alive. Check the data network between the hosts.")
                { DetectedBy = DetectedBy.Monitor });
            }
            else if (still >= _alarm && !_alarmed)
            {
                _alarmed = true;
                _onAlarm(still);
            }
        }
    }
}
