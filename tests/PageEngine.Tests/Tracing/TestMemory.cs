using PageEngine.Bitmaps;
using PageEngine.Memory;
using PageEngine.Tests.Interop;
using Xunit;

namespace PageEngine.Tests.Tracing;

/// <summary>The sorts of memory that must be traced alike.</summary>
public enum MemorySort
{
    Private,
    PrivateHuge,
    Shared,
    SharedHuge,
}

internal static unsafe class TestMemory
{
    internal const long HugePages = 512;

    /// <summary>Makes a memory of one region whose pages are all present and, where asked, huge.</summary>
    internal static GuestMemory Filled(MemorySort sort, long pages)
    {
        GuestMemory memory = Empty(sort, pages);
        for (long page = 0; page < pages; page++)
        {
            memory.Page(page)[0] = 1;
        }

        if (sort is MemorySort.PrivateHuge or MemorySort.SharedHuge && pages >= 2 * HugePages)
        {
            // The kernel may say no (no huge page free just now): what is tested must hold anyway.
            _ = Calls.madvise(memory.PagePointer(0), (nint)memory.Layout.Bytes, Calls.MADV_COLLAPSE);
        }

        return memory;
    }

    internal static GuestMemory Empty(MemorySort sort, long pages)
    {
        MemoryBackingOptions options = new() { TransparentHugePages = sort is MemorySort.PrivateHuge or MemorySort.SharedHuge };
        long bytes = pages * MemoryLayout.PageBytes;
        return new GuestMemory([sort is MemorySort.Private or MemorySort.PrivateHuge
            ? GuestMemoryRegion.Anonymous(default, bytes, options)
            : GuestMemoryRegion.MemoryFile(default, bytes, "tracing-test", options)]);
    }

    internal static void Write(GuestMemory memory, params long[] pages)
    {
        foreach (long page in pages)
        {
            ref byte target = ref memory.Page(page)[0];
            Volatile.Write(ref target, (byte)(target + 1));
        }
    }

    internal static long[] PagesOf(DirtyBitmap bitmap)
    {
        List<long> pages = [];
        for (long page = 0; page < bitmap.PageCount; page++)
        {
            if (bitmap.IsSet(page))
            {
                pages.Add(page);
            }
        }

        return [.. pages];
    }

    internal static long[] Collect(PageEngine.Tracing.IWriteTracer tracer, GuestMemory memory)
    {
        using DirtyBitmap dirty = new(memory.PageCount);
        long count = tracer.Collect(dirty);
        long[] pages = PagesOf(dirty);
        Assert.Equal(pages.Length, count);
        return pages;
    }
}
