using PageEngine.Streaming;
using PageEngine.Transport.Edges;

namespace PageEngine.Transport;

// Owns: which of a migration's open streams carry pages, where nobody named their number: it is found out while large rounds run.

/// <summary>Lets streams claim pages, as many of them as gain. Safe from any thread.</summary>
internal sealed class StreamGate
{
    /// <summary>Pages of a round from which on the number of streams is measured, and may change within it: 64 MiB.</summary>
    internal const long MinPages = 16_384;

    private static readonly TimeSpan _span = TimeSpan.FromMilliseconds(100);

    // Every change wakes the waiting; this is for what no one foresaw.
    private static readonly TimeSpan _patience = TimeSpan.FromMilliseconds(100);

    private readonly Lock _measuring = new();
    private readonly object _waiting = new();
    private readonly StreamCountChoice _choice;
    private readonly TimeProvider _time;
    private long _bytes;
    private long _bytesThen;
    private long _since;
    private int _active = 1;

    /// <param name="streams">How many streams are open.</param>
    /// <param name="time">The clock.</param>
    internal StreamGate(int streams, TimeProvider time)
    {
        _choice = new StreamCountChoice(streams);
        _time = time;
    }

    /// <summary>Gets how many streams carry pages.</summary>
    internal int Active => Volatile.Read(ref _active);

    /// <summary>Gets the most streams that ever did.</summary>
    internal int MostActive { get; private set; } = 1;

    /// <summary>Gets whether a stream has a share in a round from its beginning. In a small round, the others say at once that they
    /// have none; in a large one, they wait.</summary>
    internal bool TakesPart(int stream, PageRound round) => stream < Active || round.DirtyPages >= MinPages;

    /// <summary>Waits until the stream may claim pages, or the round has none left, or the wait is interrupted.</summary>
    internal void Wait(int stream, PageRound round, ManualResetEventSlim interrupt)
    {
        if (stream < Active)
        {
            return;
        }

        lock (_waiting)
        {
            while (stream >= Active && !round.IsClaimed && !interrupt.IsSet)
            {
                Monitor.Wait(_waiting, _patience);
            }
        }
    }

    /// <summary>Lets everybody who waits look again.</summary>
    internal void Wake()
    {
        lock (_waiting)
        {
            Monitor.PulseAll(_waiting);
        }
    }

    /// <summary>Begins to measure: the time before was not the streams'.</summary>
    internal void BeginRound()
    {
        lock (_measuring)
        {
            _since = 0;
        }
    }

    /// <summary>Takes note of bytes that a stream handed over, and of the time.</summary>
    internal void AddSent(long bytes)
    {
        long sent = Interlocked.Add(ref _bytes, bytes);
        if (!_measuring.TryEnter())
        {
            return;
        }

        try
        {
            long now = _time.GetTimestamp();
            if (_since == 0)
            {
                _since = now;
                _bytesThen = sent;
                return;
            }

            TimeSpan elapsed = _time.GetElapsedTime(_since, now);
            if (elapsed < _span)
            {
                return;
            }

            _choice.Add((sent - _bytesThen) / elapsed.TotalSeconds);
            _since = now;
            _bytesThen = sent;
            MostActive = Math.Max(MostActive, _choice.Count);
            if (Interlocked.Exchange(ref _active, _choice.Count) == _choice.Count)
            {
                return;
            }
        }
        finally
        {
            _measuring.Exit();
        }

        Wake();
    }
}
