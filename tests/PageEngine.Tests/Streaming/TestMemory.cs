using System.Runtime.InteropServices;
using PageEngine.Memory;
using Xunit;

namespace PageEngine.Tests.Streaming;

/// <summary>Guest memories with known contents.</summary>
internal static class TestMemory
{
    /// <summary>Makes a memory of regions with gaps between them in the guest's address space.</summary>
    internal static GuestMemory Of(params long[] pagesOfRegions)
    {
        // Without huge pages: one that a neighbouring mapping touches would reach into this one, and residency is counted.
        var options = new MemoryBackingOptions { TransparentHugePages = false };
        ulong address = 0;
        var regions = new List<GuestMemoryRegion>();
        foreach (long pages in pagesOfRegions)
        {
            regions.Add(GuestMemoryRegion.Anonymous(new GuestAddress(address), pages * MemoryLayout.PageBytes, options));
            address += (ulong)(pages + 16) * MemoryLayout.PageBytes;
        }

        return new GuestMemory(regions);
    }

    /// <summary>Fills a page with bytes that are never all zero and depend on the seed.</summary>
    internal static void FillPage(GuestMemory memory, long page, int seed)
    {
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(memory.Page(page));
        ulong x = ((ulong)page * 0x9E37_79B9_7F4A_7C15) ^ (ulong)(uint)seed ^ 0x1234_5678_9ABC_DEF1;
        for (int i = 0; i < words.Length; i++)
        {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            words[i] = x | 1;
        }
    }

    internal static void Fill(GuestMemory memory, int seed)
    {
        for (long page = 0; page < memory.PageCount; page++)
        {
            FillPage(memory, page, seed);
        }
    }

    internal static bool PageEquals(GuestMemory a, GuestMemory b, long page) => a.Page(page).SequenceEqual(b.Page(page));

    internal static void AssertEqual(GuestMemory expected, GuestMemory actual)
    {
        for (long page = 0; page < expected.PageCount; page++)
        {
            Assert.True(PageEquals(expected, actual, page), $"page {page} differs");
        }
    }

    /// <summary>Counts the pages that the kernel holds for a memory in this process, without touching any.</summary>
    internal static long ResidentPages(GuestMemory memory)
    {
        using FileStream pagemap = File.OpenRead("/proc/self/pagemap");
        long resident = 0;
        for (int region = 0; region < memory.Regions.Count; region++)
        {
            byte[] entries = new byte[memory.Regions[region].PageCount * 8];
            pagemap.Position = AddressOf(memory, region) / MemoryLayout.PageBytes * 8;
            pagemap.ReadExactly(entries);
            foreach (ulong entry in MemoryMarshal.Cast<byte, ulong>(entries))
            {
                resident += (entry >> 62) != 0 ? 1 : 0; // present or swapped
            }
        }

        return resident;
    }

    private static unsafe long AddressOf(GuestMemory memory, int region) => (long)memory.Regions[region].Pointer;
}
