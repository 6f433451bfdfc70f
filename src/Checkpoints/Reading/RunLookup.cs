using PageEngine.Checkpoints.Format;

namespace PageEngine.Checkpoints.Reading;

// Owns: the way from a page to its run in an index. Pure; many threads may ask at once.

internal sealed class RunLookup(MemoryRun[] runs)
{
    /// <summary>Finds what is said about a page; a run of no kind if nothing is.</summary>
    internal MemoryRun Find(long page)
    {
        int at = IndexAtOrAfter(page);
        return at < runs.Length && runs[at].Start <= page ? runs[at] : default;
    }

    /// <summary>Tells whether the bytes of all pages from one up to another are here. As many steps as runs, not as pages: a few
    /// bytes of a hostile file may name millions.</summary>
    internal bool HasData(long page, long end)
    {
        for (int at = IndexAtOrAfter(page); page < end; at++)
        {
            if (at == runs.Length || runs[at].Start > page || runs[at].Kind != RunKind.Data)
            {
                return false;
            }

            page = runs[at].End;
        }

        return true;
    }

    /// <summary>Finds the first run that ends behind a page.</summary>
    internal int IndexAtOrAfter(long page)
    {
        int low = 0;
        int high = runs.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (runs[middle].End <= page)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
