using System.Buffers;
using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using PageEngine.Memory;
using Xunit;

namespace PageEngine.Tests.Memory;

public sealed unsafe class GuestMemoryTests
{
    private const int PageBytes = MemoryLayout.PageBytes;

    [Fact]
    public void Allocated_memory_is_one_region_at_address_zero()
    {
        using GuestMemory memory = GuestMemory.Allocate(64 * PageBytes, new MemoryBackingOptions { TransparentHugePages = false });
        Assert.Equal(64, memory.PageCount);
        Assert.Equal(new MemoryLayout([new MemoryLayoutRegion(new GuestAddress(0), 64)]), memory.Layout);
        Assert.True((nuint)memory.PagePointer(63) == (nuint)memory.PagePointer(0) + (63 * PageBytes));
        Assert.Contains("nh", ProcessMaps.FlagsAt((nuint)memory.PagePointer(0)));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(10)]
    [InlineData(long.MaxValue)]
    [InlineData(long.MinValue)]
    public void Page_outside_throws(long page)
    {
        using GuestMemory one = Regions(10);
        using GuestMemory three = Regions(3, 6, 1);
        foreach (GuestMemory memory in new[] { one, three })
        {
            Assert.Throws<ArgumentOutOfRangeException>(nameof(page), () => memory.PagePointer(page)[0]);
            Assert.Throws<ArgumentOutOfRangeException>(nameof(page), () => memory.Page(page)[0]);
            Assert.Throws<ArgumentOutOfRangeException>(nameof(page), () => memory.RegionIndexOf(page));
            Assert.Throws<ArgumentOutOfRangeException>(nameof(page), () => memory.MemoryOf(page, 1));
            Assert.Throws<ArgumentOutOfRangeException>(nameof(page), () => memory.WindowEndOf(page));
        }
    }

    [Property(MaxTest = 100)]
    public Property Every_page_lies_in_its_region_at_its_place() =>
        Prop.ForAll(Gen.Choose(1, 9).NonEmptyListOf().Select(counts => counts.Take(12).ToArray()).ToArbitrary(), counts =>
        {
            using GuestMemory memory = Regions(counts);
            Assert.Equal(counts.Sum(), memory.PageCount);
            long page = 0;
            for (int region = 0; region < counts.Length; region++)
            {
                Assert.Equal(page, memory.FirstPageOf(region));
                for (int i = 0; i < counts[region]; i++, page++)
                {
                    Assert.Equal(region, memory.RegionIndexOf(page));
                    Assert.True(memory.PagePointer(page) == memory.Regions[region].Pointer + (i * PageBytes));
                    Assert.Equal(memory.FirstPageOf(region) + counts[region], memory.WindowEndOf(page));
                    fixed (byte* first = memory.MemoryOf(page, counts[region] - i).Span)
                    {
                        Assert.True(first == memory.PagePointer(page));
                    }
                }
            }
        });

    [Fact]
    public void Overlapping_unordered_missing_and_disposed_regions_are_refused()
    {
        using GuestMemoryRegion low = GuestMemoryRegion.Anonymous(new GuestAddress(0), 16 * PageBytes);
        using GuestMemoryRegion inside = GuestMemoryRegion.Anonymous(new GuestAddress(15 * PageBytes), 16 * PageBytes);
        using GuestMemoryRegion above = GuestMemoryRegion.Anonymous(new GuestAddress(31 * PageBytes), 16 * PageBytes);
        ArgumentException e = Assert.Throws<ArgumentException>(() => new GuestMemory([low, inside]));
        Assert.Contains("overlaps", e.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new GuestMemory([above, low]));
        Assert.Throws<ArgumentException>(() => new GuestMemory([low, low]));
        Assert.Throws<ArgumentException>(() => new GuestMemory([]));
        Assert.Throws<ArgumentNullException>(() => new GuestMemory([low, null!]));
        low.Pointer[0] = 1; // a refused memory owns nothing
        above.Dispose();
        Assert.Throws<ObjectDisposedException>(() => new GuestMemory([low, above]));
    }

    [Fact]
    public void Neighbouring_regions_are_allowed()
    {
        using var memory = new GuestMemory(
        [
            GuestMemoryRegion.Anonymous(new GuestAddress(0), PageBytes),
            GuestMemoryRegion.MemoryFile(new GuestAddress(PageBytes), PageBytes, "second"),
        ]);
        memory.Page(1)[0] = 2;
        Assert.Equal(2, memory.Regions[1].Pointer[0]);
        Assert.Equal(0, memory.Page(0)[0]);
    }

    [Fact]
    public void Memory_of_pages_is_the_guests_own_and_is_split_at_windows()
    {
        const long Window = GuestPageMemory.MaxPages;
        using GuestMemory memory = GuestMemory.Allocate(((2 * Window) + 5) * PageBytes);
        Assert.Equal(Window, memory.WindowEndOf(0));
        Assert.Equal(Window, memory.WindowEndOf(Window - 1));
        Assert.Equal(2 * Window, memory.WindowEndOf(Window));
        Assert.Equal((2 * Window) + 5, memory.WindowEndOf(2 * Window));

        foreach (long page in new[] { 0, Window - 1, Window, Window + 1, (2 * Window) - 1, 2 * Window, (2 * Window) + 4 })
        {
            Memory<byte> bytes = memory.MemoryOf(page, 1);
            Assert.Equal(PageBytes, bytes.Length);
            bytes.Span.Fill(0xA5);
            Assert.Equal(-1, memory.Page(page).IndexOfAnyExcept((byte)0xA5));
        }

        Assert.Equal(1 << 30, memory.MemoryOf(0, (int)Window).Length);
        Assert.Equal(5 * PageBytes, memory.MemoryOf(2 * Window, 5).Length);
        Assert.Throws<ArgumentOutOfRangeException>("pages", () => memory.MemoryOf(Window - 1, 2));
        Assert.Throws<ArgumentOutOfRangeException>("pages", () => memory.MemoryOf(2 * Window, 6));
        Assert.Throws<ArgumentOutOfRangeException>("pages", () => memory.MemoryOf(0, 0));
        Assert.Throws<ArgumentOutOfRangeException>("pages", () => memory.MemoryOf(0, -1));
    }

    [Fact]
    public void Memory_of_pages_allocates_nothing_and_can_be_pinned_at_its_offset()
    {
        using GuestMemory memory = Regions(3, 40);
        long before = 0;
        for (int round = 0; round < 3; round++)
        {
            before = GC.GetAllocatedBytesForCurrentThread();
            for (int page = 3; page < 43; page++)
            {
                using MemoryHandle pin = memory.MemoryOf(page, 1).Pin();
                Assert.True(pin.Pointer == memory.PagePointer(page));
            }
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.True(MemoryManagerIsShared(memory.MemoryOf(4, 1), memory.MemoryOf(40, 2)));
    }

    [Fact]
    public void Disposed_memory_throws_from_every_accessor()
    {
        GuestMemory memory = Regions(4, 4);
        Memory<byte> window = memory.MemoryOf(1, 2);
        memory.Dispose();
        memory.Dispose();
        Assert.Throws<ObjectDisposedException>(() => memory.PagePointer(0)[0]);
        Assert.Throws<ObjectDisposedException>(() => memory.Page(7)[0]);
        Assert.Throws<ObjectDisposedException>(() => window.Span[0]);
        Assert.Throws<ObjectDisposedException>(() => window.Pin());
        Assert.Throws<ObjectDisposedException>(() => memory.HoldForIo());
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Page(8)[0]);
    }

    private static bool MemoryManagerIsShared(Memory<byte> a, Memory<byte> b) =>
        MemoryMarshal.TryGetMemoryManager<byte, GuestPageMemory>(a, out GuestPageMemory? first)
        && MemoryMarshal.TryGetMemoryManager<byte, GuestPageMemory>(b, out GuestPageMemory? second)
        && ReferenceEquals(first, second);

    /// <summary>Regions of so many pages, with a hole of one page behind each.</summary>
    private static GuestMemory Regions(params int[] pageCounts)
    {
        ulong at = 0;
        var regions = new List<GuestMemoryRegion>();
        foreach (int pages in pageCounts)
        {
            regions.Add(GuestMemoryRegion.Anonymous(new GuestAddress(at), (long)pages * PageBytes));
            at += (ulong)(pages + 1) * PageBytes;
        }

        return new GuestMemory(regions);
    }
}
