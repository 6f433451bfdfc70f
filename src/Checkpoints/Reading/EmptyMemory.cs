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
        if (TryPunch(memory.Regions.Where(r => !r.WasFreshlyMapped)))
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

    /// <summary>Gives all pages back: nothing is there until somebody touches it.</summary>
    /// <exception cref="MigrationException">The file system cannot do that.</exception>
    internal static void RequireHoles(GuestMemory memory)
    {
        if (!TryPunch(memory.Regions))
        {
            throw new MigrationException(MigrationErrorKind.Refused, "The memory lies on a file system that cannot make holes, so that pages cannot be brought on demand. Put it on tmpfs, or restore without --lazy.");
        }
    }

    private static bool TryPunch(IEnumerable<GuestMemoryRegion> regions)
    {
        bool punched = true;
        foreach (GuestMemoryRegion region in regions)
        {
            // SAFETY: the whole region, held by the caller. It gives the file's pages back, for everybody who maps it.
            punched &= MappingCalls.madvise(region.Pointer, (nuint)region.Bytes, MappingCalls.MADV_REMOVE) == 0;
        }

        return punched;
    }
}
