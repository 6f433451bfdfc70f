using PageEngine.Memory;

namespace PageEngine.EmbeddedGuest.Operations;

// Owns: making memory of a layout. All of it or none is left behind.

internal static class AnonymousMemory
{
    internal static GuestMemory Allocate(MemoryLayout layout)
    {
        List<GuestMemoryRegion> regions = [];
        try
        {
            for (int i = 0; i < layout.Regions.Count; i++)
            {
                MemoryLayoutRegion region = layout.Regions[i];
                regions.Add(GuestMemoryRegion.Anonymous(region.BaseAddress, region.PageCount * MemoryLayout.PageBytes));
            }

            return new GuestMemory(regions);
        }
        catch
        {
            regions.ForEach(r => r.Dispose());
            throw;
        }
    }
}
