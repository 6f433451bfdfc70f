using System.Runtime.CompilerServices;
using PageEngine.Bitmaps;
using PageEngine.Checkpoints.Format;
using PageEngine.Memory;

namespace PageEngine.Checkpoints.Writing;

// Owns: what is said about each page: nothing, zero, its bytes, or that it equals another one. One thread, in page order: the
// same memory gives the same chunks.
//
// A page may be said to equal another only if that one's newest bytes are in this file already, in this round or in one before,
// and the bytes of both are the same now. If the guest runs and changes the other one afterwards, it is reported dirty, and
// LiveMap.MarkDependents brings this one back too; so the last round, with the guest stopped, leaves only what is true.

internal sealed unsafe class PagePlanner : IDisposable
{
    private const int RunsAtOnce = 1024;

    // So many chunks at least, that planning, encoding and writing go on side by side also where there is little to save; but
    // none so small that its header and a call of the kernel weigh.
    private const int LeastChunks = 16;
    private const int LeastPages = 64;

    private readonly GuestMemory _memory;
    private readonly ChunkPipeline _pipeline;
    private readonly EqualPages _equal;
    private readonly DirtyBitmap _hasData;
    private readonly PageRange[] _runs = new PageRange[RunsAtOnce];

    /// <param name="memory">Held mapped by the caller.</param>
    /// <param name="pipeline">Takes the chunks.</param>
    /// <param name="expected">How many pages the first round looks at.</param>
    internal PagePlanner(GuestMemory memory, ChunkPipeline pipeline, long expected)
    {
        _memory = memory;
        _pipeline = pipeline;
        _equal = new EqualPages(expected);
        _hasData = new DirtyBitmap(memory.PageCount);
    }

    /// <summary>Plans one round and waits until it is written.</summary>
    /// <param name="pending">The pages to look at; not changed, by nobody, until this returns.</param>
    /// <param name="present">The pages that are no holes; null: all may hold something.</param>
    /// <param name="round">Its number.</param>
    /// <param name="saysZero">Whether pages of zeros must be named: something else was said about them before.</param>
    /// <param name="guestRuns">Whether pages may change meanwhile.</param>
    /// <param name="cancellationToken">Looked at between chunks.</param>
    // A first checkpoint is often the only one of its process: without this its loop would run in unoptimized code.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal RoundPages Run(DirtyBitmap pending, DirtyBitmap? present, uint round, bool saysZero, bool guestRuns, CancellationToken cancellationToken)
    {
        RoundPages pages = default;
        int limit = (int)Math.Clamp(pending.Count() / LeastChunks, LeastPages, CheckpointFormat.MaxChunkPages);
        ChunkJob job = _pipeline.Begin(round, guestRuns, limit);
        long from = 0;
        while (from < _memory.PageCount)
        {
            int count = pending.ExtractRuns(new PageRange(from, _memory.PageCount - from), _runs, out from);
            foreach (PageRange run in _runs.AsSpan(0, count))
            {
                for (long page = run.Start; page < run.End; page++)
                {
                    if (job.IsFull)
                    {
                        _pipeline.Submit(job);
                        cancellationToken.ThrowIfCancellationRequested();
                        job = _pipeline.Begin(round, guestRuns, limit);
                    }

                    switch (Plan(job, page, pending, present, saysZero, guestRuns))
                    {
                        case RunKind.Data:
                            pages.Data++;
                            break;
                        case RunKind.Equal:
                            pages.Equal++;
                            break;
                        default:
                            pages.Zero++;
                            break;
                    }
                }
            }
        }

        _pipeline.Submit(job);
        _pipeline.Drain();
        return pages;
    }

    public void Dispose()
    {
        _equal.Dispose();
        _hasData.Dispose();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private RunKind Plan(ChunkJob job, long page, DirtyBitmap pending, DirtyBitmap? present, bool saysZero, bool guestRuns)
    {
        // SAFETY: whoever runs the planner holds the memory mapped; pages come from a bitmap of its length.
        byte* bytes = null;
        bool isZero = present is not null && !present.IsSet(page);
        if (!isZero)
        {
            // Of a running guest only the copy stands still: what is decided must be about the bytes that are stored.
            bytes = guestRuns ? job.Copy(page) : _memory.PagePointer(page);
            isZero = ZeroPage.IsZero(bytes);
        }

        if (isZero)
        {
            _hasData.ClearPages(new PageRange(page, 1));
            if (saysZero)
            {
                job.AddZero(page);
            }

            return RunKind.Zero;
        }

        ulong hash = PageHash.Of(bytes);
        long other = _equal.Find(hash);
        if (other >= 0 && other != page && (other < page || !pending.IsSet(other)) && _hasData.IsSet(other)
            && new ReadOnlySpan<byte>(bytes, MemoryLayout.PageBytes).SequenceEqual(_memory.Page(other)))
        {
            _hasData.ClearPages(new PageRange(page, 1));
            job.AddEqual(page, other);
            return RunKind.Equal;
        }

        _equal.Remember(hash, page);
        _hasData.Set(page);
        job.AddData(page);
        return RunKind.Data;
    }
}

/// <summary>What a round said about its pages.</summary>
internal struct RoundPages
{
    internal long Data;
    internal long Equal;
    internal long Zero;
}
