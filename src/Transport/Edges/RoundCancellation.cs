namespace PageEngine.Transport.Edges;

// Owns: what cancelling a round does, step by step: first a request to stop between two batches, then, for a stream that is
// stuck in the middle of one, the end of its connection.

internal sealed class RoundCancellation : IDisposable
{
    private static readonly TimeSpan _grace = TimeSpan.FromMilliseconds(500);

    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly Action _interrupt;
    private readonly Action _abort;
    private readonly CancellationTokenRegistration _registration;
    private ITimer? _timer;
    private bool _disposed;

    /// <param name="time">The clock.</param>
    /// <param name="interrupt">Asks the stream to stop between two batches.</param>
    /// <param name="abort">Ends its connection.</param>
    /// <param name="cancellationToken">Cancels the round.</param>
    internal RoundCancellation(TimeProvider time, Action interrupt, Action abort, CancellationToken cancellationToken)
    {
        _time = time;
        _interrupt = interrupt;
        _abort = abort;
        _registration = cancellationToken.UnsafeRegister(static c => ((RoundCancellation)c!).OnCancelled(), this);
    }

    public void Dispose()
    {
        _registration.Dispose();
        lock (_lock)
        {
            _disposed = true;
            _timer?.Dispose();
        }
    }

    private void OnCancelled()
    {
        _interrupt();
        lock (_lock)
        {
            if (!_disposed)
            {
                _timer = _time.CreateTimer(static a => ((Action)a!)(), _abort, _grace, Timeout.InfiniteTimeSpan);
            }
        }
    }
}
