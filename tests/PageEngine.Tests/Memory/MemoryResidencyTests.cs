using FsCheck;
using FsCheck.Xunit;
using Microsoft.Win32.SafeHandles;
using PageEngine.Bitmaps;
using PageEngine.Memory;
using PageEngine.Tests.Interop;
using PageEngine.Tests.Tracing;
using Xunit;

namespace PageEngine.Tests.Memory;

public sealed unsafe class MemoryResidencyTests
{
    private const int Pages = 200;

    [Property(MaxTest = 30)]
    public void Anonymous_pages_are_present_when_written(byte[] pages) => Check(MemorySort.Private, pages);

    [Property(MaxTest = 30)]
    public void Shared_pages_are_present_when_written(byte[] pages) => Check(MemorySort.Shared, pages);

    [Fact]
    public void Pages_merely_read_are_holes()
    {
        using GuestMemory memory = TestMemory.Empty(MemorySort.Private, Pages);
        memory.Page(7)[0] = 1;
        Assert.Equal(0, memory.Page(8)[0]);
        Assert.Equal([7L], Present(memory));
    }

    [Theory]
    [InlineData(MemorySort.Private)]
    [InlineData(MemorySort.Shared)]
    public void Asking_brings_no_page_in(MemorySort sort)
    {
        using GuestMemory memory = TestMemory.Empty(sort, Pages);
        memory.Page(7)[0] = 1;
        Assert.Equal([7L], Present(memory));
        Assert.Equal([7L], Present(memory));
    }

    [Fact]
    public void Regions_are_numbered_one_after_the_other()
    {
        MemoryBackingOptions options = new() { TransparentHugePages = false };
        using GuestMemory memory = new([
            GuestMemoryRegion.Anonymous(new GuestAddress(0), 5 * MemoryLayout.PageBytes, options),
            GuestMemoryRegion.MemoryFile(new GuestAddress(1 << 20), 7 * MemoryLayout.PageBytes, "residency", options),
            GuestMemoryRegion.Anonymous(new GuestAddress(1 << 24), 3 * MemoryLayout.PageBytes, options),
        ]);
        TestMemory.Write(memory, 4, 5, 11, 12);
        Assert.Equal([4L, 5, 11, 12], Present(memory));
    }

    [Fact]
    public void More_runs_than_one_call_reports_are_all_found()
    {
        const int Many = 3 * PagemapScanner.MaxRuns;
        using GuestMemory memory = TestMemory.Empty(MemorySort.Private, Many);
        long[] every = [.. Enumerable.Range(0, Many / 2).Select(i => (2L * i) + 1)];
        TestMemory.Write(memory, every);
        Assert.Equal(every, Present(memory));
    }

    [Fact]
    public void Bits_already_set_stay_set()
    {
        using GuestMemory memory = TestMemory.Empty(MemorySort.Private, Pages);
        using DirtyBitmap present = new(Pages);
        present.Set(9);
        memory.Page(3)[0] = 1;
        MemoryResidency.MarkPresent(memory, present);
        Assert.Equal([3L, 9], TestMemory.PagesOf(present));
    }

    // Written through the descriptor, not through the mapping: the page table knows nothing, the file does.
    [Fact]
    public void File_data_that_was_never_mapped_is_present()
    {
        using GuestMemory memory = TestMemory.Empty(MemorySort.Shared, Pages);
        byte one = 1;
        Assert.Equal(1, Calls.pwrite(memory.Regions[0].FileDescriptor!, &one, 1, (42 * MemoryLayout.PageBytes) + 17));
        Assert.Equal([42L], Present(memory));
    }

    [Theory]
    [InlineData("/dev/shm")]
    [InlineData("/var/tmp")]
    public void File_is_searched_from_an_offset_to_the_last_page_asked_for(string directory)
    {
        string path = Path.Combine(directory, $"residency-{Guid.NewGuid():N}");
        try
        {
            using SafeFileHandle file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite);
            RandomAccess.SetLength(file, 1000 * MemoryLayout.PageBytes);
            foreach (long page in new long[] { 99, 100, 300, 401, 402, 500 })
            {
                RandomAccess.Write(file, [1], page * MemoryLayout.PageBytes);
            }

            using DirtyBitmap present = new(1000);
            MemoryResidency.MarkPresentInFile(file, 100 * MemoryLayout.PageBytes, new PageRange(10, 302), present);
            long[] found = TestMemory.PagesOf(present);
            Assert.All([10L, 210, 311], page => Assert.Contains(page, found));
            Assert.All(found, page => Assert.InRange(page, 10, 311));
            if (directory == "/dev/shm")
            {
                Assert.Equal([10L, 210, 311], found);
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void File_that_cannot_tell_counts_as_present()
    {
        using SafeFileHandle file = File.OpenHandle("/proc/self/status");
        using DirtyBitmap present = new(20);
        MemoryResidency.MarkPresentInFile(file, 0, new PageRange(5, 10), present);
        Assert.Equal(Enumerable.Range(5, 10).Select(i => (long)i), TestMemory.PagesOf(present));
    }

    private static void Check(MemorySort sort, byte[] pages)
    {
        using GuestMemory memory = TestMemory.Empty(sort, Pages);
        long[] written = [.. pages.Select(p => (long)p % Pages).Distinct().Order()];
        TestMemory.Write(memory, written);
        Assert.Equal(written, Present(memory));
    }

    private static long[] Present(GuestMemory memory)
    {
        using DirtyBitmap present = new(memory.PageCount);
        MemoryResidency.MarkPresent(memory, present);
        return TestMemory.PagesOf(present);
    }
}
