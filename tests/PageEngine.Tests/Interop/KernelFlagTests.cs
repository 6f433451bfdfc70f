using System.Runtime.InteropServices;
using PageEngine.Interop;
using PageEngine.Memory;
using Xunit;
using static PageEngine.Interop.PagemapScan;
using static PageEngine.Interop.Userfaultfd;

namespace PageEngine.Tests.Interop;

// What each flag does, seen from its effect: with it and without it.
public sealed unsafe class KernelFlagTests : IDisposable
{
    private const ulong Async = UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED | UFFD_FEATURE_WP_HUGETLBFS_SHMEM;
    private const ulong Rearm = PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC;
    private readonly GuestMemory _memory = Small(GuestMemoryRegion.Anonymous(default, 8 * MemoryLayout.PageBytes, FourKiB));

    private static MemoryBackingOptions FourKiB => new() { TransparentHugePages = false };

    public void Dispose() => _memory.Dispose();

    [Fact]
    public void Kernel_offers_all_three_features()
    {
        using TraceHarness trace = new(0);
        Assert.Equal(Async, trace.KernelFeatures & Async);
    }

    [Fact]
    public void WP_ASYNC_lets_a_write_through_without_a_handler_and_reports_it()
    {
        Write(0, 1, 2);
        using TraceHarness trace = new(Async);
        Assert.Equal(0, trace.Register(_memory));
        Assert.Equal(0, trace.Protect(_memory));
        Assert.Empty(trace.Scan(_memory, PM_SCAN_CHECK_WPASYNC));
        Write(1);
        Assert.Equal([1L], trace.Scan(_memory, PM_SCAN_CHECK_WPASYNC));
    }

    [Fact]
    public void Without_WP_ASYNC_a_write_needs_a_handler()
    {
        // A user's own store would hang here, so the kernel makes it: in user mode only it fails instead.
        Write(0);
        using TraceHarness trace = new(TraceHarness.PagefaultFlagWp, UFFD_USER_MODE_ONLY);
        Assert.Equal(0, trace.Register(_memory));
        Assert.Equal(0, trace.Protect(_memory));
        Assert.Equal(-1, ReadFile(_memory.PagePointer(0)));
        Assert.Equal(0, trace.Unregister(_memory));
        Assert.Equal(100, ReadFile(_memory.PagePointer(0)));
    }

    [Fact]
    public void USER_MODE_ONLY_with_WP_ASYNC_reports_what_the_kernel_writes()
    {
        Write(0, 3);
        using TraceHarness trace = new(Async, UFFD_USER_MODE_ONLY);
        Assert.Equal(0, trace.Register(_memory));
        Assert.Equal(0, trace.Protect(_memory));
        Assert.Equal(100, ReadFile(_memory.PagePointer(3)));
        Assert.Equal(100, ReadFile(_memory.PagePointer(6)));
        Assert.Equal([3L, 6L], trace.Scan(_memory, Rearm));
        Assert.Equal(1, _memory.Page(3)[99]);
    }

    [Fact]
    public void WP_UNPOPULATED_arms_pages_that_do_not_exist_yet()
    {
        Write(0);
        using TraceHarness trace = new(UFFD_FEATURE_WP_UNPOPULATED | TraceHarness.PagefaultFlagWp);
        Assert.Equal(0, trace.Register(_memory));
        Assert.Equal(0, trace.Protect(_memory));
        Assert.Empty(trace.Scan(_memory, 0));
    }

    [Fact]
    public void Without_WP_UNPOPULATED_pages_that_do_not_exist_stay_unarmed()
    {
        Write(0);
        using TraceHarness trace = new(TraceHarness.PagefaultFlagWp);
        Assert.Equal(0, trace.Register(_memory));
        Assert.Equal(0, trace.Protect(_memory));
        Assert.Equal([1L, 2, 3, 4, 5, 6, 7], trace.Scan(_memory, 0));
    }

    [Fact]
    public void Write_to_a_page_never_touched_is_reported_and_a_read_is_not()
    {
        using TraceHarness trace = new(Async);
        Assert.Equal(0, trace.Register(_memory));
        Assert.Equal(0, trace.Protect(_memory));
        Assert.Equal(0, Volatile.Read(ref _memory.Page(2)[0]));
        Write(5);
        Assert.Equal([5L], trace.Scan(_memory, Rearm));
    }

    // Current kernels admit shared memory whether or not the feature was asked for; asking makes an old one refuse at once.
    [Fact]
    public void WP_HUGETLBFS_SHMEM_admits_shared_memory()
    {
        using GuestMemory shared = Small(GuestMemoryRegion.MemoryFile(default, 8 * MemoryLayout.PageBytes, "flags", FourKiB));
        shared.Page(1)[0] = 1;
        using TraceHarness trace = new(UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_HUGETLBFS_SHMEM);
        Assert.Equal(0, trace.Register(shared));
        Assert.Equal(0, trace.Protect(shared));
        Volatile.Write(ref shared.Page(1)[0], 2);
        Volatile.Write(ref shared.Page(6)[0], 2);
        Assert.Equal([1L, 6], trace.Scan(shared, Rearm));
        Assert.Empty(trace.Scan(shared, Rearm));
    }

    [Fact]
    public void WP_MATCHING_rearms_what_it_reports()
    {
        using TraceHarness trace = new(Async);
        Assert.Equal(0, trace.Register(_memory));
        Assert.Equal(0, trace.Protect(_memory));
        Write(1, 4);
        Assert.Equal([1L, 4], trace.Scan(_memory, PM_SCAN_CHECK_WPASYNC));
        Assert.Equal([1L, 4], trace.Scan(_memory, Rearm));
        Assert.Empty(trace.Scan(_memory, Rearm));
        Write(4);
        Assert.Equal([4L], trace.Scan(_memory, Rearm));
    }

    [Fact]
    public void CHECK_WPASYNC_refuses_memory_that_is_not_traced()
    {
        Write(0);
        using TraceHarness trace = new(Async);
        Assert.Equal([0L], trace.Scan(_memory, 0, PAGE_IS_PRESENT));
        Assert.Equal(TracingCalls.EPERM, Assert.Throws<ScanException>(() => trace.Scan(_memory, Rearm)).Errno);
    }

    [Fact]
    public void Categories_tell_written_read_and_untouched_pages_apart()
    {
        Write(1);
        Assert.Equal(0, Volatile.Read(ref _memory.Page(2)[0]));
        using TraceHarness trace = new(Async);
        Assert.Equal([1L, 2], trace.Scan(_memory, 0, PAGE_IS_PRESENT));
        Assert.Equal([2L], trace.Scan(_memory, 0, PAGE_IS_PFNZERO));
        Assert.Empty(trace.Scan(_memory, 0, PAGE_IS_SWAPPED));
    }

    // Why the tracer keeps what it saw when it armed: afterwards nobody can tell.
    [Fact]
    public void Armed_hole_counts_as_swapped()
    {
        Write(1);
        using TraceHarness trace = new(Async);
        Assert.Equal(0, trace.Register(_memory));
        Assert.Equal(0, trace.Protect(_memory));
        Assert.Equal([0L, 2, 3, 4, 5, 6, 7], trace.Scan(_memory, 0, PAGE_IS_SWAPPED));
        Assert.Equal(0, trace.Unregister(_memory));
        Assert.Empty(trace.Scan(_memory, 0, PAGE_IS_SWAPPED));
    }

    private static GuestMemory Small(GuestMemoryRegion region) => new([region]);

    private static int ReadFile(byte* target)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, Enumerable.Repeat((byte)1, 100).ToArray());
            using var file = File.OpenHandle(path);
            return (int)Calls.read(file, target, 100);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private void Write(params long[] pages)
    {
        foreach (long page in pages)
        {
            Volatile.Write(ref _memory.Page(page)[0], 1);
        }
    }
}
