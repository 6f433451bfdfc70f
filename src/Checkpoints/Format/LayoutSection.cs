using PageEngine.Memory;

namespace PageEngine.Checkpoints.Format;

// Owns: the section "layout": the regions of the guest's memory.

internal static class LayoutSection
{
    internal static ReadOnlyMemory<byte> Encode(MemoryLayout layout)
    {
        PayloadWriter writer = new PayloadWriter().UInt32((uint)layout.Regions.Count).UInt32(MemoryLayout.PageBytes);
        foreach (MemoryLayoutRegion region in layout.Regions)
        {
            writer.UInt64(region.BaseAddress.Value).Int64(region.PageCount);
        }

        return writer.Written;
    }

    internal static MemoryLayout Decode(ReadOnlySpan<byte> payload, long offset)
    {
        var reader = new PayloadReader(payload, SectionName.Layout, offset);
        uint count = reader.UInt32();
        uint pageBytes = reader.UInt32();
        if (count is 0 or > MemoryLayout.MaxRegions || pageBytes != MemoryLayout.PageBytes)
        {
            throw reader.Bad($"{count} regions with pages of {pageBytes} bytes; 1 to {MemoryLayout.MaxRegions} with pages of {MemoryLayout.PageBytes} are possible");
        }

        var regions = new MemoryLayoutRegion[count];
        for (int i = 0; i < regions.Length; i++)
        {
            regions[i] = new MemoryLayoutRegion(new GuestAddress(reader.UInt64()), reader.Int64());
        }

        reader.End();
        try
        {
            return new MemoryLayout(regions);
        }
        catch (ArgumentException e)
        {
            throw Damage.At(SectionName.Layout, offset, e.Message.Split(" (Parameter", 2)[0].TrimEnd('.'));
        }
    }
}
