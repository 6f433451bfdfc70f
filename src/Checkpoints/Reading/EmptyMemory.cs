using PageEngine.Bitmaps;
using PageEngine.Checkpoints.Interop;
using PageEngine.Memory;

namespace PageEngine.Checkpoints.Reading;

// Owns: that memory is zero before a checkpoint is read into it, which says nothing about pages of zeros. Memory that this process
// mapped for the purpose is; memory that another one made may hold what it put there, or what an earlier attempt left.

internal static unsafe class EmptyMemory
{
    /// <summary>Makes every page zero that may be something else.</summary>
    internal static void Require(GuestMemory memory)
    {
        bool punched = true;
        foreach (GuestMemoryRegion region in memory.Regions.Where(r => !r.WasFreshlyMapped))
        {
            // SAFETY: the whole region, held by the caller. It gives the file's pages back, for everybody who maps it.
            punched &= MappingCalls.madvise(region.Pointer, (nuint)region.Bytes, MappingCalls.MADV_REMOVE) == 0;
        }

        if (punched)
        {
            return;
        }

        // A file system that cannot make holes.
        using var present = new DirtyBitmap(memory.PageCount);
        MemoryResidency.MarkPresent(memory, present);
        for (long page = 0; page < memory.PageCount; page++)
        {
            if (present.IsSet(page) && !ZeroPage.IsZero(memory.PagePointer(page)))
            {
                memory.Page(page).Clear();
            }
        }
    }
}
