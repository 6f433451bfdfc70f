using PageEngine.Streaming;
using PageEngine.Transport.Control;

namespace PageEngine.Transport.Sessions;

// Owns: what has arrived on each page stream: the totals since the start, and the order of the rounds.

/// <summary>The destination's view of the rounds. Added to by the receiving threads, read by the session.</summary>
internal sealed class RoundArrivals
{
    private readonly Lock _gate = new();
    private readonly StreamRoundTotals[] _totals;
    private readonly List<(int Round, TaskCompletionSource Done)> _waiters = [];
    private MigrationException? _fault;

    internal RoundArrivals(int streams)
    {
        _totals = new StreamRoundTotals[streams];
        for (int i = 0; i < streams; i++)
        {
            _totals[i] = new StreamRoundTotals(-1, i, 0, 0, 0);
        }
    }

    /// <summary>Gets what all streams carried so far.</summary>
    internal StreamRoundTotals Sum()
    {
        lock (_gate)
        {
            return new StreamRoundTotals(
                _totals.Min(t => t.Round), _totals.Length, _totals.Sum(t => t.DataPages), _totals.Sum(t => t.ZeroPages), _totals.Sum(t => t.WireBytes));
        }
    }

    /// <exception cref="MigrationException">A round is repeated or skipped.</exception>
    internal void Add(StreamRoundTotals totals)
    {
        lock (_gate)
        {
            StreamRoundTotals sum = _totals[totals.Stream];
            if (totals.Round != sum.Round + 1)
            {
                throw ControlFrameCodec.Violation($"stream {totals.Stream} ended round {totals.Round} after round {sum.Round}");
            }

            _totals[totals.Stream] = new StreamRoundTotals(
                totals.Round, totals.Stream, sum.DataPages + totals.DataPages, sum.ZeroPages + totals.ZeroPages, sum.WireBytes + totals.WireBytes);
            int complete = _totals.Min(t => t.Round);
            for (int i = _waiters.Count - 1; i >= 0; i--)
            {
                if (complete >= _waiters[i].Round)
                {
                    _waiters[i].Done.TrySetResult();
                    _waiters.RemoveAt(i);
                }
            }
        }
    }

    /// <summary>Waits until a round has arrived on every stream.</summary>
    internal Task WaitForRoundAsync(int round, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_fault is not null)
            {
                return Task.FromException(_fault);
            }

            if (_totals.Min(t => t.Round) >= round)
            {
                return Task.CompletedTask;
            }

            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiters.Add((round, done));
            return done.Task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Checks that exactly what the source says it sent has arrived.</summary>
    /// <exception cref="MigrationException">A stream's totals differ.</exception>
    internal void Check(StreamRoundTotals[] sent)
    {
        lock (_gate)
        {
            if (sent.Length != _totals.Length)
            {
                throw ControlFrameCodec.Violation($"totals of {sent.Length} streams came for {_totals.Length}");
            }

            for (int i = 0; i < sent.Length; i++)
            {
                if (sent[i].Round != _totals[i].Round || sent[i].DataPages != _totals[i].DataPages || sent[i].ZeroPages != _totals[i].ZeroPages)
                {
                    throw new MigrationException(
                        MigrationErrorKind.DataDamaged,
                        $"Stream {i}: the source sent {sent[i].DataPages} data and {sent[i].ZeroPages} zero pages in {sent[i].Round + 1} rounds; {_totals[i].DataPages} and {_totals[i].ZeroPages} in {_totals[i].Round + 1} arrived.");
                }
            }
        }
    }

    internal void Fail(MigrationException cause)
    {
        lock (_gate)
        {
            _fault = cause;
            foreach ((_, TaskCompletionSource done) in _waiters)
            {
                // Whoever waited may have given up meanwhile, and the cause is known elsewhere.
                done.TrySetException(cause);
                _ = done.Task.Exception;
            }

            _waiters.Clear();
        }
    }
}
