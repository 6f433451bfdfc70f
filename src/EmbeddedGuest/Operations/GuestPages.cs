using PageEngine.Memory;

namespace PageEngine.EmbeddedGuest.Operations;

// Owns: the way from a page number to words, fast for the usual guest of one region. Valid while the guest's memory
// is not disposed; the guest ends its threads before that.

internal readonly unsafe struct GuestPages(GuestMemory memory)
{
    private readonly GuestMemory _memory = memory;
    private readonly byte* _first = memory.Regions[0].Pointer;
    private readonly long _firstCount = memory.Regions[0].PageCount;

    /// <summary>The words of a page that exists.</summary>
    internal ulong* Words(long page) =>
        // SAFETY: the first region maps _firstCount whole pages; GuestMemory checks the others.
        (ulong*)(page < _firstCount ? _first + (page * MemoryLayout.PageBytes) : _memory.PagePointer(page));
}
