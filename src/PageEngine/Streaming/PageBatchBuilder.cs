using PageEngine.Bitmaps;
using PageEngine.Memory;

namespace PageEngine.Streaming;

// Owns: the way from a round's bitmap to a stream's batches: claims windows, finds zero pages, and leaves holes unread. One
// thread: the stream's. What does not fit into a batch any more waits here for the next one.

/// <summary>Fills batches with the pages of a round.</summary>
internal sealed unsafe class PageBatchBuilder
{
    // Room for all runs of a window and a block's slack: the extraction's fast path needs it.
    private readonly PageRange[] _runs = new PageRange[(PageRound.WindowPages / 2) + 256];
    private PageRound? _round;
    private bool _takesPart;
    private PageRange _window;
    private int _runIndex;
    private int _runCount;

    /// <summary>Starts on a round.</summary>
    /// <param name="round">The round.</param>
    /// <param name="takesPart">Whether to claim any of its windows.</param>
    internal void Begin(PageRound round, bool takesPart)
    {
        _round = round;
        _takesPart = takesPart;
        _window = default;
        _runIndex = 0;
        _runCount = 0;
    }

    /// <summary>Fills an empty batch. Goes on claiming windows until the batch is full or the round has no more, so that
    /// scattered pages travel in batches as large as dense ones.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="maxDataPages">How many pages with bytes it may have.</param>
    /// <param name="stop">Ends the work between two windows when it becomes true.</param>
    internal void Fill(PageBatch batch, int maxDataPages, ref bool stop)
    {
        PageRound round = _round!;
        while (NextRun(round, ref stop))
        {
            ref PageRange run = ref _runs[_runIndex];
            long added = AddRun(round, batch, run, maxDataPages);
            run = new PageRange(run.Start + added, run.Count - added);
            if (run.Count > 0)
            {
                return;
            }

            _runIndex++;
        }
    }

    private bool NextRun(PageRound round, ref bool stop)
    {
        while (_runIndex == _runCount)
        {
            if (_window.Count == 0 && (!_takesPart || Volatile.Read(ref stop) || !round.TryClaim(out _window)))
            {
                return false;
            }

            _runIndex = 0;
            _runCount = round.Pending.ExtractRuns(_window, _runs, out long next);
            _window = new PageRange(next, _window.End - next);
        }

        return true;
    }

    // Returns how many pages of the run the batch took.
    private static long AddRun(PageRound round, PageBatch batch, PageRange run, int maxDataPages)
    {
        for (long page = run.Start; page < run.End;)
        {
            (long end, bool zero) = Classify(round, page, run.End);
            int added = batch.Add(page, (int)(end - page), zero, maxDataPages);
            if (added == 0)
            {
                return page - run.Start;
            }

            page += added;
        }

        return run.Count;
    }

    // A stretch of holes is found by whole words of the bitmap; a page with memory is looked at, one by one.
    private static (long End, bool Zero) Classify(PageRound round, long page, long end)
    {
        if (round.Present is { } present)
        {
            long presentFrom = PageBits.IndexOf(present, value: true, page, end);
            if (presentFrom > page)
            {
                return (presentFrom, true);
            }
        }

        // SAFETY: the page is below the layout's page count, and the stream holds the memory mapped.
        return (page + 1, ZeroPage.IsZero(round.Memory.PagePointer(page)));
    }
}
