using PageEngine.Bitmaps;
using PageEngine.Memory;
using PageEngine.Tracing;

namespace PageEngine.Tests.Tracing;

// Writers hammer a memory while a harvester copies what the tracer reports into a shadow. In short phases: at the end of
// each the writers stand still, and every page whose bytes differ from the shadow must be dirty or pending.
internal sealed unsafe class LostWriteScenario : IDisposable
{
    private const int WordsPerPage = MemoryLayout.PageBytes / sizeof(ulong);

    private readonly GuestMemory _memory;
    private readonly GuestMemory _shadow;
    private readonly DirtyBitmap _pending;
    private readonly Thread[] _writers;
    private readonly Random _random;
    private readonly IWriteTracer _tracer;
    private readonly ExplicitWriteTracer? _marks;
    private readonly int _mostWrites;
    private readonly long _hotPages;
    private int _phase;
    private int _done;
    private volatile bool _ended;

    /// <param name="memory">The memory; the caller disposes it.</param>
    /// <param name="tracer">The tracer of that memory, not started; the caller disposes it.</param>
    /// <param name="marks">Where writers mark; null: they do not.</param>
    /// <param name="writers">How many threads write.</param>
    /// <param name="mostWrites">How often each writes in a phase at most. Each stops by itself, so that the last writes
    /// fall anywhere in a harvest.</param>
    /// <param name="hotPages">Three quarters of the writes go to the first pages, this many of them.</param>
    /// <param name="seed">What is random comes from here; the threads' interleaving does not.</param>
    internal LostWriteScenario(GuestMemory memory, IWriteTracer tracer, ExplicitWriteTracer? marks, int writers, int mostWrites, long hotPages, int seed)
    {
        _memory = memory;
        _tracer = tracer;
        _marks = marks;
        _mostWrites = mostWrites;
        _hotPages = Math.Min(hotPages, memory.PageCount);
        _random = new Random(seed);
        _shadow = GuestMemory.Allocate(memory.Layout.Bytes);
        _pending = new DirtyBitmap(memory.PageCount);
        _writers = new Thread[writers];
        for (int i = 0; i < writers; i++)
        {
            ulong state = ((ulong)(uint)seed << 20) + (ulong)i + 1;
            _writers[i] = new Thread(() => Write(state * 0x9E3779B97F4A7C15)) { IsBackground = true, Name = $"writer {i}" };
        }
    }

    /// <summary>Gets how many pages the tracer reported.</summary>
    internal long Reported { get; private set; }

    /// <summary>Gets what the guest does at the worst moment: a harvested page's bytes have been read, the harvest has not
    /// ended. Null: nothing.</summary>
    internal Action? AfterCopy { get; init; }

    /// <summary>Runs the phases.</summary>
    /// <returns>The pages found lost in the first phase that lost any; empty when none was.</returns>
    internal IReadOnlyList<long> Run(int phases)
    {
        _tracer.Start();
        Round0();
        foreach (Thread writer in _writers)
        {
            writer.Start();
        }

        List<long> lost = [];
        for (int phase = 0; phase < phases && lost.Count == 0; phase++)
        {
            bool leaveSome = _random.Next(2) == 0;
            int rest = _random.Next(4) == 0 ? _random.Next(2000) : 0;
            BeginPhase();
            do
            {
                Harvest(leaveSome);
                Thread.SpinWait(rest);
            }
            while (Volatile.Read(ref _done) < _writers.Length);

            Harvest(leaveSome: false);
            lost.AddRange(LastPass());
        }

        _ended = true;
        BeginPhase();
        foreach (Thread writer in _writers)
        {
            writer.Join();
        }

        _tracer.Stop();
        return lost;
    }

    public void Dispose()
    {
        _shadow.Dispose();
        _pending.Dispose();
    }

    private void BeginPhase()
    {
        Volatile.Write(ref _done, 0);
        Volatile.Write(ref _phase, _phase + 1);
    }

    // Only what the tracer says is present; the shadow begins as zeros.
    private void Round0()
    {
        _tracer.MarkPresent(_pending);
        CopyPending(leaveSome: false, null);
    }

    private void Harvest(bool leaveSome)
    {
        Reported += _tracer.Collect(_pending);
        CopyPending(leaveSome, AfterCopy);
    }

    private List<long> LastPass()
    {
        Reported += _tracer.Collect(_pending);
        List<long> lost = [];
        for (long page = 0; page < _memory.PageCount; page++)
        {
            if (!_pending.IsSet(page) && !_memory.Page(page).SequenceEqual(_shadow.Page(page)))
            {
                lost.Add(page);
            }
        }

        CopyPending(leaveSome: false, null);
        return lost;
    }

    private void CopyPending(bool leaveSome, Action? afterCopy)
    {
        Span<PageRange> runs = stackalloc PageRange[64];
        long next = 0;
        while (next < _memory.PageCount)
        {
            int count = _pending.ExtractRuns(new PageRange(next, _memory.PageCount - next), runs, out next);
            foreach (PageRange run in runs[..count])
            {
                if (leaveSome && _random.Next(4) == 0)
                {
                    continue;
                }

                for (long page = run.Start; page < run.End; page++)
                {
                    _memory.Page(page).CopyTo(_shadow.Page(page));
                }

                _pending.ClearPages(run);
                afterCopy?.Invoke();
                _tracer.AddPagesCopied(run.Count);
            }
        }
    }

    private void Write(ulong state)
    {
        ulong stamp = state | 1;
        for (int phase = 1; ; phase++)
        {
            SpinWait spin = default;
            while (Volatile.Read(ref _phase) != phase)
            {
                spin.SpinOnce(sleep1Threshold: -1);
            }

            if (_ended)
            {
                return;
            }

            int writes = 1 + (int)((state >> 16) % (ulong)_mostWrites);
            for (int i = 0; i < writes; i++)
            {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                long page = (long)((state >> 8) % (ulong)((state & 3) == 0 ? _memory.PageCount : _hotPages));
                ulong* word = (ulong*)_memory.PagePointer(page) + (int)((state >> 32) % WordsPerPage);
                Volatile.Write(ref *word, stamp += 2);
                _marks?.MarkDirty(page);
            }

            Interlocked.Increment(ref _done);
        }
    }
}
