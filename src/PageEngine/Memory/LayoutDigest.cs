using System.Buffers.Binary;
using System.IO.Hashing;

namespace PageEngine.Memory;

// Owns: one number for a layout, which both sides compare before the guest may run on the copy.

internal static class LayoutDigest
{
    /// <summary>XXH3-64 over each region's base address and page count, little endian, in order.</summary>
    internal static ulong Of(MemoryLayout layout)
    {
        byte[] bytes = new byte[layout.Regions.Count * 16];
        for (int i = 0; i < layout.Regions.Count; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(i * 16), layout.Regions[i].BaseAddress.Value);
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan((i * 16) + 8), layout.Regions[i].PageCount);
        }

        return XxHash3.HashToUInt64(bytes);
    }
}
