using PageEngine.Bitmaps;
using PageEngine.Memory;
using Xunit;

namespace PageEngine.Tests.Bitmaps;

[Trait("Category", "Isa")]
public sealed class DirtyBitmapTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(MemoryLayout.MaxPages + 1)]
    public void Page_count_out_of_range_is_refused(long pages) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new DirtyBitmap(pages));

    [Theory]
    [InlineData(-1)]
    [InlineData(100)]
    [InlineData(127)]
    [InlineData(long.MaxValue)]
    [InlineData(long.MinValue)]
    public void Page_out_of_range_throws(long page)
    {
        using var bitmap = new DirtyBitmap(100);
        Assert.Throws<ArgumentOutOfRangeException>(() => bitmap.Set(page));
        Assert.Throws<ArgumentOutOfRangeException>(() => bitmap.IsSet(page));
        Assert.False(bitmap.Any());
    }

    [Theory]
    [InlineData(-1, 1)]
    [InlineData(0, -1)]
    [InlineData(0, 101)]
    [InlineData(100, 1)]
    [InlineData(101, 0)]
    [InlineData(99, long.MaxValue)]
    [InlineData(long.MaxValue, long.MaxValue)]
    public void Range_out_of_range_throws(long start, long count)
    {
        using var bitmap = new DirtyBitmap(100);
        using var other = new DirtyBitmap(100);
        var range = new PageRange(start, count);
        Assert.Throws<ArgumentOutOfRangeException>(() => bitmap.SetRange(range));
        Assert.Throws<ArgumentOutOfRangeException>(() => bitmap.ClearPages(range));
        Assert.Throws<ArgumentOutOfRangeException>(() => bitmap.DrainRangeInto(other, range));
        Assert.Throws<ArgumentOutOfRangeException>(() => bitmap.ExtractRuns(range, new PageRange[4], out _));
        Assert.False(bitmap.Any());
    }

    [Fact]
    public void Empty_range_is_allowed_everywhere_and_does_nothing()
    {
        using var bitmap = new DirtyBitmap(128);
        using var other = new DirtyBitmap(128);
        foreach (long start in new long[] { 0, 1, 64, 128 })
        {
            var range = new PageRange(start, 0);
            bitmap.SetRange(range);
            Assert.False(bitmap.Any());
            other.SetAll();
            other.ClearPages(range);
            Assert.Equal(128, other.Count());
            Assert.Equal(0, other.DrainRangeInto(bitmap, range));
            Assert.Equal(0, other.ExtractRuns(range, new PageRange[1], out long next));
            Assert.Equal(start, next);
        }
    }

    [Fact]
    public void Bitmaps_of_different_lengths_do_not_mix()
    {
        using var bitmap = new DirtyBitmap(100);
        using var other = new DirtyBitmap(101);
        Assert.Throws<ArgumentException>(() => bitmap.MergeFrom(other));
        Assert.Throws<ArgumentException>(() => bitmap.AndNot(other));
        Assert.Throws<ArgumentException>(() => bitmap.CopyFrom(other));
        Assert.Throws<ArgumentException>(() => bitmap.DrainInto(other));
        Assert.Throws<ArgumentException>(() => bitmap.DrainInto(bitmap));
    }

    [Fact]
    public void Runs_into_no_room_are_refused()
    {
        using var bitmap = new DirtyBitmap(100);
        Assert.Throws<ArgumentException>(() => bitmap.ExtractRuns(new PageRange(0, 100), [], out _));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(1023)]
    [InlineData(4096)]
    public void Set_all_sets_exactly_the_pages(long pages)
    {
        using var bitmap = new DirtyBitmap(pages);
        bitmap.SetAll();
        Assert.Equal(pages, bitmap.Count());
        var runs = new PageRange[2];
        Assert.Equal(1, bitmap.ExtractRuns(new PageRange(0, pages), runs, out long next));
        Assert.Equal(new PageRange(0, pages), runs[0]);
        Assert.Equal(pages, next);
        bitmap.Clear();
        Assert.False(bitmap.Any());
    }

    [Fact]
    public void Last_page_of_a_large_bitmap_is_found()
    {
        using var bitmap = new DirtyBitmap((1L << 28) + 1); // more than 1 TiB of guest memory
        bitmap.Set(1L << 28);
        bitmap.SetRange(new PageRange((1L << 27) - 3, 5));
        Assert.Equal(6, bitmap.Count());
        var runs = new PageRange[3];
        Assert.Equal(2, bitmap.ExtractRuns(new PageRange(0, bitmap.PageCount), runs, out _));
        Assert.Equal(new PageRange((1L << 27) - 3, 5), runs[0]);
        Assert.Equal(new PageRange(1L << 28, 1), runs[1]);
    }

    [Fact]
    public unsafe void Use_after_dispose_throws()
    {
        var bitmap = new DirtyBitmap(100_000_000);
        using var other = new DirtyBitmap(100_000_000);
        bitmap.Dispose();
        bitmap.Dispose();
        Assert.Throws<ObjectDisposedException>(() => bitmap.Set(99_999_999));
        Assert.Throws<ObjectDisposedException>(() => bitmap.IsSet(99_999_999));
        Assert.Throws<ObjectDisposedException>(() => bitmap.SetAll());
        Assert.Throws<ObjectDisposedException>(() => bitmap.Clear());
        Assert.Throws<ObjectDisposedException>(() => bitmap.Count());
        Assert.Throws<ObjectDisposedException>(() => bitmap.Any());
        Assert.Throws<ObjectDisposedException>(() => bitmap.ExtractRuns(new PageRange(0, 1), new PageRange[1], out _));
        Assert.Throws<ObjectDisposedException>(() => bitmap.MergeFrom(other));
        Assert.Throws<ObjectDisposedException>(() => other.MergeFrom(bitmap));
        Assert.Throws<ObjectDisposedException>(() => other.DrainInto(bitmap));
        Assert.True(bitmap.Words == null);
    }

    [Theory]
    [ClassData(typeof(SupportedPaths))]
    public void Runs_leave_the_memory_behind_the_output_alone(string pathName)
    {
        using var bitmap = new DirtyBitmap(4096, Enum.Parse<VectorPath>(pathName));
        for (int page = 0; page < 4096; page += 2)
        {
            bitmap.Set(page);
        }

        var guard = new PageRange(-1, -1);
        var output = new PageRange[300];
        foreach (int room in new[] { 1, 16, 31, 32, 33, 47, 200 })
        {
            Array.Fill(output, guard);
            Assert.Equal(room, bitmap.ExtractRuns(new PageRange(0, 4096), output.AsSpan(0, room), out long next));
            Assert.Equal((2 * room) - 1, next);
            Assert.All(output.Skip(room), run => Assert.Equal(guard, run));
        }
    }

    [Fact]
    public void Operations_allocate_nothing()
    {
        using var bitmap = new DirtyBitmap(100_000);
        using var other = new DirtyBitmap(100_000);
        var runs = new PageRange[64];
        for (int round = 0; round < 3; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            bitmap.SetRange(new PageRange(77, 50_000));
            bitmap.Set(99_999);
            bitmap.ClearPages(new PageRange(100, 3));
            bitmap.ExtractRuns(new PageRange(0, 100_000), runs, out _);
            bitmap.DrainInto(other);
            bitmap.MergeFrom(other);
            bitmap.AndNot(other);
            bitmap.CopyFrom(other);
            _ = bitmap.Any() && bitmap.Count() > 0;
            Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        }
    }
}
