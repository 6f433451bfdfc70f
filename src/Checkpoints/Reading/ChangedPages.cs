using PageEngine.Bitmaps;
using PageEngine.Memory;

namespace PageEngine.Checkpoints.Reading;

// Owns: which pages of a memory are not what a chain of checkpoints holds, by their bytes. Each chunk that still counts is read and
// checked once; pages that the chain says nothing about must be zero. Pages may change meanwhile if somebody else sees that.

internal static unsafe class ChangedPages
{
    private const int PagesAtOnce = 1 << 14;
    private const int RunsAtOnce = 256;

    /// <summary>Marks them.</summary>
    /// <param name="youngestFirst">The chain.</param>
    /// <param name="memory">Held mapped by the caller.</param>
    /// <param name="present">The pages that are no holes; it is changed.</param>
    /// <param name="changed">Receives the bits.</param>
    /// <param name="workers">How many threads; 0: as many as there are processors.</param>
    /// <param name="cancellationToken">Ends it.</param>
    internal static void Mark(
        OpenCheckpoint[] youngestFirst, GuestMemory memory, DirtyBitmap present, DirtyBitmap changed, int workers, CancellationToken cancellationToken)
    {
        var map = new ChainMap(youngestFirst);
        SideBySide.Run(
            "checkpoint-compare",
            map.ChunkCount,
            workers,
            map.Open,
            (reader, chunk) => Compare(map.RunsOf(chunk), reader.Read(chunk), memory, present, changed),
            cancellationToken);
        foreach (PlacedRun run in map.Runs)
        {
            present.ClearPages(new PageRange(run.Start, run.Count));
        }

        SideBySide.Run(
            "checkpoint-compare",
            (int)((memory.PageCount + PagesAtOnce - 1) / PagesAtOnce),
            workers,
            static () => new Ranges(),
            (ranges, window) => MarkFilled((long)window * PagesAtOnce, ranges.Found, memory, present, changed),
            cancellationToken);
    }

    private static void Compare(ReadOnlySpan<PlacedRun> runs, ReadOnlySpan<byte> pages, GuestMemory memory, DirtyBitmap present, DirtyBitmap changed)
    {
        foreach (PlacedRun run in runs)
        {
            int at = run.PageInChunk * MemoryLayout.PageBytes;
            for (long page = run.Start; page < run.End; page++, at += MemoryLayout.PageBytes)
            {
                // A hole is not read, which would give it memory.
                if (!present.IsSet(page) || !memory.Page(page).SequenceEqual(pages.Slice(at, MemoryLayout.PageBytes)))
                {
                    changed.Set(page);
                }
            }
        }
    }

    private static void MarkFilled(long from, PageRange[] found, GuestMemory memory, DirtyBitmap candidates, DirtyBitmap changed)
    {
        long end = Math.Min(from + PagesAtOnce, memory.PageCount);
        while (from < end)
        {
            int count = candidates.ExtractRuns(new PageRange(from, end - from), found, out from);
            foreach (PageRange run in found.AsSpan(0, count))
            {
                for (long page = run.Start; page < run.End; page++)
                {
                    // SAFETY: a page of held memory.
                    if (!ZeroPage.IsZero(memory.PagePointer(page)))
                    {
                        changed.Set(page);
                    }
                }
            }
        }
    }

    private sealed class Ranges : IDisposable
    {
        internal PageRange[] Found { get; } = new PageRange[RunsAtOnce];

        public void Dispose()
        {
            // Nothing but an array.
        }
    }
}
