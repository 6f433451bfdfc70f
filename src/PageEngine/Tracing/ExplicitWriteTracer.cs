using PageEngine.Bitmaps;
using PageEngine.Memory;

namespace PageEngine.Tracing;

// Owns: the bits that the guest's own threads set for the pages they wrote. Writers: any thread of this process.
// Start, Collect, Stop: one thread at a time. Invariant: between the clearing of a bit and the reading of its page
// stands a process-wide memory barrier (see Collect).

/// <summary>A tracer for writers that say themselves what they write: they call <see cref="MarkDirty(long)"/> after each
/// write. It needs nothing from the kernel. It sees only what is marked: every path that writes guest memory must mark,
/// and all of them must be threads of this process.</summary>
/// <remarks>
/// <para>The rules for a writer. (1) Mark after the write, never before it alone: a harvest between mark and write would
/// read the old bytes and forget the page. (2) Let the write be volatile or otherwise be kept before the mark by the
/// compiler. (3) A virtual CPU is paused at safepoints only, and no safepoint lies between a write and its mark: paused
/// there, the last pass would miss the page.</para>
/// <para>A mark costs a test, and an atomic operation only for the first write to a page since the last collect
/// (measured: 1.1 to 1.2 times an unmarked write to a hot set of 16 MiB or less). Before <see cref="Start"/> and after
/// <see cref="Stop"/> it costs one test and does nothing.</para>
/// </remarks>
public sealed class ExplicitWriteTracer : IWriteTracer
{
    private readonly GuestMemory _memory;
    private readonly DirtyBitmap _written;
    private readonly DirtyBitmap _collected;
    private volatile bool _started;
    private long _installed;
    private long _fired;
    private long _copied;

    /// <summary>Makes a tracer that is not started.</summary>
    /// <param name="memory">The guest's memory. It must outlive the tracer.</param>
    public ExplicitWriteTracer(GuestMemory memory)
    {
        ArgumentNullException.ThrowIfNull(memory);
        _memory = memory;
        _written = new DirtyBitmap(memory.PageCount);
        _collected = new DirtyBitmap(memory.PageCount);
    }

    /// <inheritdoc/>
    public string Name => "explicit";

    /// <inheritdoc/>
    public WriteTracerCounters Counters =>
        new(Interlocked.Read(ref _installed), Interlocked.Read(ref _fired), Interlocked.Read(ref _copied));

    /// <summary>Says that a page was written. Call it after the write. Any thread; allocates nothing, takes no lock.</summary>
    /// <param name="page">The page's linear number.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such page (not checked while the tracer is not started).</exception>
    public void MarkDirty(long page)
    {
        if (_started)
        {
            _written.Set(page);
        }
    }

    /// <summary>Says that a run of pages was written, or changed in a way that is no write: a hole punched, a page
    /// restored, a write through another mapping. Call it afterwards.</summary>
    /// <param name="pages">The pages.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such pages (not checked while the tracer is not started).</exception>
    public void MarkDirty(PageRange pages)
    {
        if (_started)
        {
            _written.SetRange(pages);
        }
    }

    /// <inheritdoc/>
    public void Start()
    {
        if (_started)
        {
            throw new InvalidOperationException("The tracer is started already; stop it first.");
        }

        _written.Clear();
        Interlocked.Exchange(ref _installed, _memory.PageCount);
        Interlocked.Exchange(ref _fired, 0);
        Interlocked.Exchange(ref _copied, 0);
        _started = true;

        // A writer that still saw "not started" wrote before it looked. After the barrier its write can be read by
        // round 0; a writer that looks later sees "started" and marks.
        Interlocked.MemoryBarrierProcessWide();
    }

    /// <inheritdoc/>
    public void MarkPresent(DirtyBitmap present)
    {
        ArgumentNullException.ThrowIfNull(present);
        MemoryResidency.MarkPresent(_memory, present);
    }

    /// <inheritdoc/>
    public long Collect(DirtyBitmap dirty)
    {
        ArgumentNullException.ThrowIfNull(dirty);
        if (!_started)
        {
            throw new InvalidOperationException("The tracer is not started.");
        }

        _collected.Clear();
        long count = _written.DrainInto(_collected);

        // A writer stores the page's bytes, then loads the bit; finding it set, it stores nothing. Its processor may
        // still hold the bytes back when it loads the bit, so that the bit is seen set (before the drain) and the bytes
        // are read old (after it): the write would be lost. The barrier makes every running thread of the process
        // complete its stores; a load of the bit after it sees the bit cleared. Hence: clear, barrier, and only then
        // let anybody know which pages to read.
        Interlocked.MemoryBarrierProcessWide();
        dirty.MergeFrom(_collected);
        Interlocked.Add(ref _installed, count);
        Interlocked.Add(ref _fired, count);
        return count;
    }

    /// <inheritdoc/>
    public void AddPagesCopied(long pages) => Interlocked.Add(ref _copied, pages);

    /// <inheritdoc/>
    public void Stop() => _started = false;

    /// <summary>Frees the bitmaps. No writer may mark from then on.</summary>
    public void Dispose()
    {
        Stop();
        _written.Dispose();
        _collected.Dispose();
    }
}
