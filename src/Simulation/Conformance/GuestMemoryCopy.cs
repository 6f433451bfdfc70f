using PageEngine.Memory;

namespace PageEngine.Simulation.Conformance;

// Owns: the bytes that a memory had at a moment, and the comparison with what it has now.

/// <summary>A second memory of the same layout that pages are copied into.</summary>
internal sealed class GuestMemoryCopy : IDisposable
{
    private readonly GuestMemory _copy;

    /// <summary>Takes every page.</summary>
    internal GuestMemoryCopy(GuestMemory memory, bool empty = false)
    {
        _copy = TracerBench.Anonymous(memory.Layout);
        for (long page = 0; page < memory.PageCount && !empty; page++)
        {
            Take(memory, page);
        }
    }

    internal void Take(GuestMemory memory, long page) => memory.Page(page).CopyTo(_copy.Page(page));

    internal bool Differs(GuestMemory memory, long page) => !memory.Page(page).SequenceEqual(_copy.Page(page));

    internal long? FirstDifference(GuestMemory memory)
    {
        for (long page = 0; page < memory.PageCount; page++)
        {
            if (Differs(memory, page))
            {
                return page;
            }
        }

        return null;
    }

    internal long CountDifferences(GuestMemory memory)
    {
        long count = 0;
        for (long page = 0; page < memory.PageCount; page++)
        {
            count += Differs(memory, page) ? 1 : 0;
        }

        return count;
    }

    public void Dispose() => _copy.Dispose();
}
