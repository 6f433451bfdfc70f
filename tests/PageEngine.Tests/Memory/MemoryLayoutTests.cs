using PageEngine.Memory;
using Xunit;

namespace PageEngine.Tests.Memory;

public sealed class MemoryLayoutTests
{
    [Fact]
    public void Layout_counts_pages_over_all_regions()
    {
        var layout = new MemoryLayout([Region(0, 10), Region(0x10_0000, 20)]);
        Assert.Equal(30, layout.PageCount);
        Assert.Equal(30 * 4096, layout.Bytes);
    }

    [Theory]
    [InlineData(0UL, 0)]
    [InlineData(0UL, -1)]
    [InlineData(0UL, MemoryLayout.MaxPages + 1)]
    [InlineData(1UL, 1)]
    [InlineData(ulong.MaxValue - 4095, 2)]
    public void Impossible_region_is_refused(ulong address, long pages) =>
        Assert.Throws<ArgumentException>(() => new MemoryLayout([Region(address, pages)]));

    [Fact]
    public void The_last_page_of_the_address_space_is_one()
    {
        var layout = new MemoryLayout([Region(0, 1), Region(4096, 1), Region(ulong.MaxValue - 4095, 1)]);
        Assert.Equal(3, layout.PageCount);
        Assert.Throws<ArgumentException>(() => new MemoryLayout([Region(0, 2), Region(4096, 1)]));
        Assert.Throws<ArgumentException>(() => new MemoryLayout([Region(ulong.MaxValue - 4095, 1), Region(0, 1)]));
        Assert.Throws<ArgumentException>(() => new MemoryLayout([Region(ulong.MaxValue - 4095, 1), Region(ulong.MaxValue - 4095, 1)]));
    }

    [Fact]
    public void Number_of_regions_and_pages_is_limited()
    {
        MemoryLayoutRegion[] most = [.. Enumerable.Range(0, MemoryLayout.MaxRegions).Select(i => Region((ulong)i * 8192, 1))];
        Assert.Equal(MemoryLayout.MaxRegions, new MemoryLayout(most).PageCount);
        Assert.Throws<ArgumentException>(() => new MemoryLayout([.. most, Region(1 << 30, 1)]));
        Assert.Throws<ArgumentException>(() => new MemoryLayout([]));
        Assert.Throws<ArgumentException>(() => new MemoryLayout([Region(0, MemoryLayout.MaxPages), Region((ulong)MemoryLayout.MaxPages * 4096, 1)]));
    }

    [Fact]
    public void Layouts_are_equal_by_their_regions()
    {
        var a = new MemoryLayout([Region(0, 10), Region(0x10_0000, 20)]);
        var b = new MemoryLayout([Region(0, 10), Region(0x10_0000, 20)]);
        var c = new MemoryLayout([Region(0, 10), Region(0x20_0000, 20)]);
        Assert.Equal(a, b);
        Assert.Equal(a.GetHashCode(), b.GetHashCode());
        Assert.NotEqual(a, c);
    }

    private static MemoryLayoutRegion Region(ulong address, long pages) => new(new GuestAddress(address), pages);
}
