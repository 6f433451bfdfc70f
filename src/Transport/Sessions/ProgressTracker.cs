using PageEngine.Bitmaps;
using PageEngine.Planning;
using PageEngine.Reporting;

namespace PageEngine.Transport.Sessions;

// Owns: the progress that is reported ten times a second and at each change of phase. It reads counters that others
// write and never slows them.

/// <summary>Turns what the session does into <see cref="MigrationProgress"/>.</summary>
internal sealed class ProgressTracker : IAsyncDisposable
{
    private static readonly TimeSpan _interval = TimeSpan.FromMilliseconds(100);

    private readonly Lock _gate = new();
    private readonly IProgress<MigrationProgress>? _sink;
    private readonly TimeProvider _time;
    private readonly long _began;
    private readonly ITimer? _timer;
    private readonly Func<long>? _wireBytes;
    private MigrationPhase _phase = MigrationPhase.Handshake;
    private DirtyBitmap? _pending;
    private SwitchoverPrediction? _prediction;
    private int _round;
    private long _roundPages;
    private long _finishedWireBytes;
    private long _lastBytes;
    private long _lastAt;
    private double _rate;

    /// <param name="sink">Who is told; null: nobody, and nothing runs.</param>
    /// <param name="time">The clock.</param>
    /// <param name="wireBytes">Tells the bytes of the streams so far; null: known from finished rounds only.</param>
    internal ProgressTracker(IProgress<MigrationProgress>? sink, TimeProvider time, Func<long>? wireBytes)
    {
        _sink = sink;
        _time = time;
        _wireBytes = wireBytes;
        _began = time.GetTimestamp();
        _lastAt = _began;
        if (sink is not null)
        {
            _timer = time.CreateTimer(static self => ((ProgressTracker)self!).Report(), this, _interval, _interval);
        }
    }

    internal void Phase(MigrationPhase phase)
    {
        lock (_gate)
        {
            _phase = phase;
        }

        Report();
    }

    internal void RoundBegins(int round, long pages, DirtyBitmap? pending)
    {
        lock (_gate)
        {
            _round = round;
            _roundPages = pages;
            _pending = pending;
        }
    }

    internal void RoundEnds(long wireBytes)
    {
        lock (_gate)
        {
            _finishedWireBytes += wireBytes;
            _pending = null;
        }
    }

    internal void Predicted(SwitchoverPrediction prediction)
    {
        lock (_gate)
        {
            _prediction = prediction;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_timer is not null)
        {
            await _timer.DisposeAsync().ConfigureAwait(false);
        }

        // A tick that has begun ends before this returns: nobody is told anything afterwards.
        lock (_gate)
        {
            _pending = null;
            _disposed = true;
        }
    }

    private bool _disposed;

    private void Report()
    {
        if (_sink is null)
        {
            return;
        }

        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            long bytes = _wireBytes?.Invoke() ?? _finishedWireBytes;
            double seconds = _time.GetElapsedTime(_lastAt).TotalSeconds;
            if (seconds >= 0.05)
            {
                _rate = Math.Max(0, bytes - _lastBytes) / seconds;
                _lastBytes = bytes;
                _lastAt = _time.GetTimestamp();
            }

            _sink.Report(new MigrationProgress(
                _phase, _round, _roundPages, _pending?.Count() ?? 0, bytes, _rate, _prediction, _time.GetElapsedTime(_began)));
        }
    }
}
