using PageEngine.Bitmaps;
using PageEngine.Checkpoints.Format;

namespace PageEngine.Checkpoints.Writing;

// Owns: what each page is after the rounds so far and where its bytes are: what becomes the index. Runs, not pages: it is as
// small as the memory is orderly. Used by one thread at a time.

internal sealed class LiveMap
{
    private readonly List<long> _chunks = [];
    private List<MemoryRun> _live = [];
    private List<MemoryRun> _round = [];

    /// <summary>Gets the runs up to the last round that ended.</summary>
    internal IReadOnlyList<MemoryRun> Runs => _live;

    internal IReadOnlyList<long> Chunks => _chunks;

    /// <summary>Gets the last page that the current round has spoken of; -1: none yet.</summary>
    internal long LastPageOfRound => _round.Count == 0 ? -1 : _round[^1].End - 1;

    /// <summary>Adds a chunk of the current round; chunks of a round come in page order.</summary>
    internal void Add(long sectionOffset, ReadOnlySpan<MemoryRun> runs)
    {
        long chunk = _chunks.Count;
        _chunks.Add(sectionOffset);
        foreach (MemoryRun run in runs)
        {
            _round.Add(run.Kind == RunKind.Data ? run with { Target = (chunk << MemoryRun.ChunkShift) + run.Target } : run);
        }
    }

    /// <summary>Puts the current round over those before it.</summary>
    internal void EndRound()
    {
        _live = _live.Count == 0 ? _round : Overlay(_live, _round);
        _round = [];
    }

    /// <summary>Marks every page that equals a marked one: what it refers to is about to change.</summary>
    internal void MarkDependents(DirtyBitmap pending)
    {
        foreach (MemoryRun run in _live)
        {
            for (int i = 0; run.Kind == RunKind.Equal && i < run.Count; i++)
            {
                if (pending.IsSet(run.Target + i))
                {
                    pending.Set(run.Start + i);
                }
            }
        }
    }

    internal long CountPages(RunKind kind) => _live.Where(r => r.Kind == kind).Sum(r => (long)r.Count);

    internal static List<MemoryRun> Overlay(IReadOnlyList<MemoryRun> below, IReadOnlyList<MemoryRun> above)
    {
        var result = new List<MemoryRun>(below.Count + above.Count);
        int next = 0;
        foreach (MemoryRun run in below)
        {
            long from = run.Start;
            while (from < run.End)
            {
                while (next < above.Count && above[next].End <= from)
                {
                    result.Add(above[next++]);
                }

                if (next == above.Count || above[next].Start >= run.End)
                {
                    result.Add(run.Part(from, run.End));
                    break;
                }

                if (above[next].Start > from)
                {
                    result.Add(run.Part(from, above[next].Start));
                }

                from = above[next].End;
            }
        }

        for (; next < above.Count; next++)
        {
            result.Add(above[next]);
        }

        return result;
    }
}
