using PageEngine.Checkpoints.Format;
using PageEngine.Checkpoints.Interop;
using PageEngine.Memory;

namespace PageEngine.Checkpoints.Reading;

// Owns: which parts of the guest's memory come in huge pages while a checkpoint is read into it. A huge page is one fault instead
// of 512; but where pages lie scattered among holes it would be all of them, cleared, for the few that are needed: the guest
// would have twice the memory, and filling it would take as long. What was advised before is advised again afterwards.

internal sealed unsafe class HugePageAdvice : IDisposable
{
    private const long HugePages = 512;

    private readonly GuestMemory _memory;
    private readonly bool[] _changed;

    /// <param name="memory">Held mapped by the caller for as long as this exists.</param>
    internal HugePageAdvice(GuestMemory memory)
    {
        _memory = memory;
        _changed = new bool[memory.Regions.Count];
    }

    /// <summary>Looks at the pages that are about to be written. Many threads may call, each with its own.</summary>
    internal void Expect(ReadOnlySpan<MemoryRun> runs)
    {
        for (int first = 0; first < runs.Length;)
        {
            int region = _memory.RegionIndexOf(runs[first].Start);
            long regionEnd = _memory.FirstPageOf(region) + _memory.Regions[region].PageCount;
            long data = 0;
            int next = first;
            for (; next < runs.Length && runs[next].Start < regionEnd; next++)
            {
                data += runs[next].Kind == RunKind.Zero ? 0 : runs[next].Count;
            }

            Expect(region, runs[first].Start, Math.Min(runs[next - 1].End, regionEnd), data);
            first = next;
        }
    }

    /// <summary>Gives back the advice that was there.</summary>
    public void Dispose()
    {
        for (int i = 0; i < _changed.Length; i++)
        {
            if (Interlocked.Exchange(ref _changed[i], false))
            {
                GuestMemoryRegion region = _memory.Regions[i];
                _ = MappingCalls.madvise(region.Pointer, (nuint)region.Bytes, MappingCalls.MADV_HUGEPAGE); // SAFETY: the whole region, held.
            }
        }
    }

    private void Expect(int region, long start, long end, long data)
    {
        // Less than three quarters of a huge page: the rest costs more than the faults that it saves.
        if (!_memory.Regions[region].MayUseTransparentHugePages || data * 4 >= (end - start) * 3)
        {
            return;
        }

        // Huge pages that are touched only in part must be small ones as a whole.
        byte* first = _memory.Regions[region].Pointer;
        byte* last = first + _memory.Regions[region].Bytes;
        const long Bytes = HugePages * MemoryLayout.PageBytes;
        byte* from = (byte*)Math.Max((nuint)first, (nuint)_memory.PagePointer(start) / (nuint)Bytes * (nuint)Bytes);
        byte* to = (byte*)Math.Min((nuint)last, ((nuint)_memory.PagePointer(end - 1) + (nuint)Bytes) / (nuint)Bytes * (nuint)Bytes);

        // SAFETY: within the region. Only advice: a kernel without huge pages refuses it, and nothing is lost.
        if (MappingCalls.madvise(from, (nuint)(to - from), MappingCalls.MADV_NOHUGEPAGE) == 0)
        {
            Volatile.Write(ref _changed[region], true);
        }
    }
}
