using PageEngine.Bitmaps;
using PageEngine.Memory;
using PageEngine.Tests.Interop;
using PageEngine.Tracing;
using Xunit;
using static PageEngine.Tests.Tracing.TestMemory;

namespace PageEngine.Tests.Tracing;

public sealed unsafe class KernelWriteTracerTests
{
    [Theory]
    [InlineData(MemorySort.Private)]
    [InlineData(MemorySort.Shared)]
    public void Written_pages_are_reported_once(MemorySort sort)
    {
        using GuestMemory memory = Filled(sort, 100);
        using KernelWriteTracer tracer = KernelWriteTracer.Create(memory);
        tracer.Start();
        Assert.Empty(Collect(tracer, memory));
        Write(memory, 0, 7, 8, 99);
        Assert.Equal([0L, 7, 8, 99], Collect(tracer, memory));
        Assert.Empty(Collect(tracer, memory));
        Write(memory, 8);
        Assert.Equal([8L], Collect(tracer, memory));
        Assert.Equal(new WriteTracerCounters(105, 5, 0), tracer.Counters);
        tracer.AddPagesCopied(5);
        Assert.Equal(5, tracer.Counters.PagesCopied);
    }

    [Theory]
    [InlineData(MemorySort.PrivateHuge)]
    [InlineData(MemorySort.SharedHuge)]
    public void Written_pages_in_huge_pages_are_reported(MemorySort sort)
    {
        using GuestMemory memory = Filled(sort, 4 * HugePages);
        using KernelWriteTracer tracer = KernelWriteTracer.Create(memory);
        tracer.Start();
        Assert.Empty(Collect(tracer, memory));
        Write(memory, 1, HugePages + 5);
        Assert.Equal([1L, HugePages + 5], Collect(tracer, memory).Intersect([1L, HugePages + 5]));
        Assert.Empty(Collect(tracer, memory));
    }

    // The kernel traces a reserved huge page as one: all of its 4 KiB pages are reported. Where the host has set none
    // aside, mapping them is refused with the remedy.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Reserved_huge_pages_are_reported_whole(bool shared)
    {
        const long TwoMiB = HugePages * MemoryLayout.PageBytes;
        MemoryBackingOptions options = new() { HugePageBytes = TwoMiB };
        GuestMemoryRegion Map() => shared
            ? GuestMemoryRegion.MemoryFile(default, 3 * TwoMiB, "reserved", options)
            : GuestMemoryRegion.Anonymous(default, 3 * TwoMiB, options);
        if (SystemMemory.FreeHugePages(TwoMiB) is null or < 6)
        {
            Assert.Contains("huge pages", Assert.Throws<MigrationException>(Map).Message, StringComparison.Ordinal);
            return;
        }

        using GuestMemory memory = new([Map()]);
        Write(memory, 0, HugePages);
        using KernelWriteTracer tracer = KernelWriteTracer.Create(memory);
        tracer.Start();
        Assert.Empty(Collect(tracer, memory));
        Write(memory, HugePages + 3, (2 * HugePages) + 1);
        long[] expected = [.. Enumerable.Range((int)HugePages, (int)(2 * HugePages)).Select(i => (long)i)];
        Assert.Equal(expected, Collect(tracer, memory));
        Assert.Empty(Collect(tracer, memory));
        using DirtyBitmap present = new(memory.PageCount);
        tracer.MarkPresent(present);
        Assert.True(present.IsSet(0) && present.IsSet(HugePages));
    }

    [Fact]
    public void Collect_keeps_bits_already_set()
    {
        using GuestMemory memory = Filled(MemorySort.Private, 10);
        using KernelWriteTracer tracer = KernelWriteTracer.Create(memory);
        using DirtyBitmap dirty = new(10);
        dirty.Set(3);
        tracer.Start();
        Write(memory, 3, 4);
        Assert.Equal(2, tracer.Collect(dirty));
        Assert.Equal([3L, 4], PagesOf(dirty));
    }

    [Fact]
    public void Regions_are_numbered_one_after_the_other()
    {
        MemoryBackingOptions options = new() { TransparentHugePages = false };
        using GuestMemory memory = new([
            GuestMemoryRegion.Anonymous(new GuestAddress(0), 5 * MemoryLayout.PageBytes, options),
            GuestMemoryRegion.MemoryFile(new GuestAddress(1 << 20), 7 * MemoryLayout.PageBytes, "second", options),
            GuestMemoryRegion.Anonymous(new GuestAddress(1 << 24), 3 * MemoryLayout.PageBytes, options),
        ]);
        using KernelWriteTracer tracer = KernelWriteTracer.Create(memory);
        tracer.Start();
        Write(memory, 4, 5, 11, 12, 14);
        Assert.Equal([4L, 5, 11, 12, 14], Collect(tracer, memory));
        using DirtyBitmap present = new(15);
        tracer.MarkPresent(present);
        Assert.Empty(PagesOf(present));
    }

    [Fact]
    public void More_runs_than_one_call_reports_are_all_reported()
    {
        const long Pages = 5 * PagemapScanner.MaxRuns;
        using GuestMemory memory = Filled(MemorySort.Private, Pages);
        using KernelWriteTracer tracer = KernelWriteTracer.Create(memory);
        tracer.Start();
        long[] every = [.. Enumerable.Range(0, (int)Pages / 2).Select(i => 2L * i)];
        Write(memory, every);
        Assert.Equal(every, Collect(tracer, memory));
        Assert.Empty(Collect(tracer, memory));
    }

    [Fact]
    public void Memory_longer_than_one_call_walks_is_traced_to_its_end()
    {
        const long Pages = (long)((2 * PagemapScanner.ChunkBytes) + (64 * MemoryLayout.PageBytes)) / MemoryLayout.PageBytes;
        using GuestMemory memory = Empty(MemorySort.Private, Pages);
        long edge = (long)(PagemapScanner.ChunkBytes - ((ulong)memory.PagePointer(0) & (PagemapScanner.ChunkBytes - 1))) / MemoryLayout.PageBytes;
        long[] pages = [.. new long[] { 0, edge - 1, edge, Pages - 1 }.Distinct().Order()];
        Write(memory, pages[0], pages[^1]);
        using KernelWriteTracer tracer = KernelWriteTracer.Create(memory);
        tracer.Start();
        using DirtyBitmap present = new(Pages);
        tracer.MarkPresent(present);
        Assert.Equal([pages[0], pages[^1]], PagesOf(present));
        Write(memory, pages);
        using DirtyBitmap dirty = new(Pages);
        tracer.Collect(dirty);
        Assert.All(pages, page => Assert.True(dirty.IsSet(page), $"page {page} is missing"));
    }

    [Theory]
    [InlineData(MemorySort.Private)]
    [InlineData(MemorySort.PrivateHuge)]
    [InlineData(MemorySort.Shared)]
    [InlineData(MemorySort.SharedHuge)]
    public void Present_are_the_pages_written_before_the_start(MemorySort sort)
    {
        using GuestMemory memory = Empty(sort, 4 * HugePages);
        Write(memory, 3, 4, HugePages);
        if (sort is MemorySort.Private or MemorySort.PrivateHuge)
        {
            Assert.Equal(0, memory.Page(20)[0]);
        }

        using KernelWriteTracer tracer = KernelWriteTracer.Create(memory);
        tracer.Start();
        Write(memory, 3 * HugePages);
        using DirtyBitmap present = new(memory.PageCount);
        tracer.MarkPresent(present);
        Assert.All([3, 4, HugePages], page => Assert.True(present.IsSet(page)));
        Assert.False(present.IsSet(3 * HugePages));
        if (sort is MemorySort.Private or MemorySort.Shared)
        {
            Assert.Equal([3L, 4, HugePages], PagesOf(present));
        }

        Assert.Contains(3 * HugePages, Collect(tracer, memory));
    }

    [Fact]
    public void Stop_disarms_and_start_arms_anew()
    {
        using GuestMemory memory = Filled(MemorySort.Private, 10);
        using KernelWriteTracer tracer = KernelWriteTracer.Create(memory);
        tracer.Stop();
        tracer.Start();
        Write(memory, 1);
        tracer.Stop();
        tracer.Stop();
        Assert.Throws<InvalidOperationException>(() => Collect(tracer, memory));
        Write(memory, 2);
        tracer.Start();
        Assert.Empty(Collect(tracer, memory));
        Write(memory, 3);
        Assert.Equal([3L], Collect(tracer, memory));
    }

    [Fact]
    public void Wrong_order_is_refused()
    {
        using GuestMemory memory = Filled(MemorySort.Private, 10);
        KernelWriteTracer tracer = KernelWriteTracer.Create(memory);
        using DirtyBitmap dirty = new(10);
        using DirtyBitmap other = new(11);
        Assert.Throws<InvalidOperationException>(() => tracer.Collect(dirty));
        Assert.Throws<InvalidOperationException>(() => tracer.MarkPresent(dirty));
        tracer.Start();
        Assert.Throws<InvalidOperationException>(tracer.Start);
        Assert.Throws<ArgumentException>(() => tracer.Collect(other));
        tracer.Dispose();
        tracer.Dispose();
        Assert.Throws<ObjectDisposedException>(tracer.Start);
        Assert.Throws<ObjectDisposedException>(() => tracer.Collect(dirty));
    }

    [Fact]
    public void Memory_disposed_while_traced_stays_mapped_until_the_stop()
    {
        GuestMemory memory = Filled(MemorySort.Private, 10);
        GuestMemoryRegion region = memory.Regions[0];
        using KernelWriteTracer tracer = KernelWriteTracer.Create(memory);
        tracer.Start();
        memory.Dispose();
        region.Pointer[5 * MemoryLayout.PageBytes] = 9;
        Assert.Equal([5L], Collect(tracer, memory));
        tracer.Stop();
        Assert.Throws<ObjectDisposedException>(() => (nint)region.Pointer);
        Assert.Throws<ObjectDisposedException>(tracer.Start);
    }

    [Fact]
    public void Start_and_stop_go_on_while_the_memory_is_being_written()
    {
        using GuestMemory memory = Filled(MemorySort.Private, 64);
        using KernelWriteTracer tracer = KernelWriteTracer.Create(memory);
        bool stop = false;
        Thread writer = new(() =>
        {
            for (long i = 0; !Volatile.Read(ref stop); i++)
            {
                Volatile.Write(ref memory.Page(i & 63)[1], (byte)i);
            }
        });
        writer.Start();
        for (int i = 0; i < 200; i++)
        {
            tracer.Start();
            _ = Collect(tracer, memory);
            tracer.Stop();
        }

        Volatile.Write(ref stop, true);
        writer.Join();
        tracer.Start();
        Assert.Empty(Collect(tracer, memory));
        Write(memory, 63);
        Assert.Equal([63L], Collect(tracer, memory));
    }

    [Fact]
    public void Second_tracer_on_the_same_memory_is_refused_with_the_reason()
    {
        using GuestMemory memory = Filled(MemorySort.Private, 10);
        using KernelWriteTracer first = KernelWriteTracer.Create(memory);
        MigrationException refused = Assert.Throws<MigrationException>(() => KernelWriteTracer.Create(memory));
        Assert.Equal(MigrationErrorKind.TracingFailed, refused.Kind);
        Assert.Contains("another userfaultfd already watches this memory", refused.Message, StringComparison.Ordinal);
        Assert.Contains("region 0 at guest address 0x0, 10 pages", refused.Message, StringComparison.Ordinal);
        first.Dispose();
        using KernelWriteTracer second = KernelWriteTracer.Create(memory);
        second.Start();
        Write(memory, 1);
        Assert.Equal([1L], Collect(second, memory));
    }

    [Fact]
    public void Memory_taken_out_of_tracing_by_somebody_else_is_an_error_and_not_silence()
    {
        using GuestMemory memory = Filled(MemorySort.Private, 10);
        using KernelWriteTracer tracer = KernelWriteTracer.Create(memory);
        tracer.Start();
        nint again = Calls.mmapAnonymousFixed(memory.PagePointer(0), (nint)memory.Layout.Bytes);
        Assert.Equal((nint)memory.PagePointer(0), again);
        using DirtyBitmap dirty = new(10);
        MigrationException e = Assert.Throws<MigrationException>(() => tracer.Collect(dirty));
        Assert.Contains("no longer under tracing", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Collect_allocates_nothing()
    {
        using GuestMemory memory = Filled(MemorySort.Private, 1000);
        using KernelWriteTracer tracer = KernelWriteTracer.Create(memory);
        using DirtyBitmap dirty = new(1000);
        tracer.Start();
        tracer.Collect(dirty);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 50; i++)
        {
            memory.Page(i)[0]++;
            tracer.Collect(dirty);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Theory]
    [InlineData(UserfaultAccess.SystemCall)]
    [InlineData(UserfaultAccess.Device)]
    [InlineData(UserfaultAccess.UserModeOnly)]
    public void Every_way_to_a_userfaultfd_that_is_open_to_this_user_traces(object way)
    {
        UserfaultAccess access = (UserfaultAccess)way;
        using GuestMemory memory = Filled(MemorySort.Private, 10);
        if (access != UserfaultAccess.UserModeOnly && !Environment.IsPrivilegedProcess)
        {
            Assert.Throws<MigrationException>(() => KernelWriteTracer.Create(memory, access));
            return;
        }

        using KernelWriteTracer tracer = KernelWriteTracer.Create(memory, access);
        Assert.Equal(access, tracer.Access);
        tracer.Start();
        Write(memory, 6);
        Assert.Equal([6L], Collect(tracer, memory));
    }
}
