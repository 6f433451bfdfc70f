namespace PageEngine.Transport.Edges;

// Owns: the decision how many streams carry pages, from what so many of them carried. Pure: it is told the rate of each span of
// time, and says how many streams the next span shall have.

/// <summary>Adds streams one by one as long as each one gains, and looks again from time to time.</summary>
internal sealed class StreamCountChoice
{
    /// <summary>What one more stream must gain: it costs a thread and a connection on both hosts, and cores that the guest could have.</summary>
    internal const double MinGain = 1.08;

    /// <summary>Spans for which a choice holds: the link, or what else the hosts do, may have changed.</summary>
    internal const int SpansPerChoice = 50;

    private readonly int _max;
    private double _rateOfChosen;
    private int _chosen = 1;
    private int _spansLeft;
    private bool _isWarm;
    private bool _hasRate;

    /// <param name="max">The most streams; at least 1.</param>
    internal StreamCountChoice(int max) => _max = max;

    /// <summary>Gets how many streams the next span shall have.</summary>
    internal int Count { get; private set; } = 1;

    /// <summary>Takes note of a span in which <see cref="Count"/> streams carried pages.</summary>
    /// <param name="bytesPerSecond">What they carried, all together.</param>
    internal void Add(double bytesPerSecond)
    {
        if (_spansLeft > 0)
        {
            if (--_spansLeft == 0)
            {
                // Measured anew, from one less on: a stream that gains no more is given up as well.
                _chosen = Math.Max(1, _chosen - 1);
                Count = _chosen;
                _hasRate = false;
                _isWarm = false;
            }

            return;
        }

        if (!_isWarm)
        {
            // The first span with another number of streams still has what the sockets' buffers took in at once.
            _isWarm = true;
            return;
        }

        _isWarm = false;
        bool gains = !_hasRate || bytesPerSecond >= _rateOfChosen * MinGain;
        if (gains)
        {
            _chosen = Count;
            _rateOfChosen = bytesPerSecond;
            _hasRate = true;
        }

        if (gains && _chosen < _max)
        {
            Count = _chosen + 1;
        }
        else
        {
            Count = _chosen;
            _spansLeft = SpansPerChoice;
        }
    }
}
