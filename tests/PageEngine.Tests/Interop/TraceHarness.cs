using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using PageEngine.Interop;
using PageEngine.Memory;
using Xunit;
using static PageEngine.Interop.PagemapScan;
using static PageEngine.Interop.Userfaultfd;

namespace PageEngine.Tests.Interop;

// The two system calls with any flags, right or wrong, so that a test can show what each flag does.
internal sealed unsafe class TraceHarness : IDisposable
{
    internal const ulong PagefaultFlagWp = 1;

    private readonly SafeFileHandle _uffd;
    private readonly SafeFileHandle _pagemap;

    internal TraceHarness(ulong features, int openFlags = 0)
    {
        nint fd = TracingCalls.syscall(SYS_userfaultfd, TracingCalls.O_CLOEXEC | TracingCalls.O_NONBLOCK | openFlags);
        Assert.True(fd >= 0, $"userfaultfd: error {Marshal.GetLastPInvokeError()}");
        _uffd = new SafeFileHandle(fd, ownsHandle: true);
        uffdio_api api = new() { api = UFFD_API, features = features };
        Assert.True(TracingCalls.ioctl(_uffd, UFFDIO_API, &api) == 0, $"UFFDIO_API: error {Marshal.GetLastPInvokeError()}");
        KernelFeatures = api.features;
        _pagemap = File.OpenHandle("/proc/self/pagemap", FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
    }

    internal ulong KernelFeatures { get; }

    internal static byte* Address(GuestMemory memory, long page = 0) => memory.PagePointer(page);

    internal int Register(GuestMemory memory)
    {
        uffdio_register register = new() { range = Range(memory), mode = UFFDIO_REGISTER_MODE_WP };
        return TracingCalls.ioctl(_uffd, UFFDIO_REGISTER, &register) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    internal int Unregister(GuestMemory memory)
    {
        uffdio_range range = Range(memory);
        return TracingCalls.ioctl(_uffd, UFFDIO_UNREGISTER, &range) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    internal int Protect(GuestMemory memory)
    {
        uffdio_writeprotect protect = new() { range = Range(memory), mode = UFFDIO_WRITEPROTECT_MODE_WP };
        return TracingCalls.ioctl(_uffd, UFFDIO_WRITEPROTECT, &protect) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    /// <summary>Returns the pages that have every category of <paramref name="all"/>, or throws <see cref="ScanException"/>.</summary>
    internal long[] Scan(GuestMemory memory, ulong flags, ulong all = PAGE_IS_WRITTEN)
    {
        page_region* vector = stackalloc page_region[64];
        pm_scan_arg argument = new()
        {
            size = (ulong)sizeof(pm_scan_arg),
            flags = flags,
            start = (ulong)Address(memory),
            end = (ulong)Address(memory) + (ulong)memory.Layout.Bytes,
            vec = (ulong)vector,
            vec_len = 64,
            category_mask = all,
            return_mask = all,
        };
        int count = TracingCalls.ioctl(_pagemap, PAGEMAP_SCAN, &argument);
        if (count < 0)
        {
            throw new ScanException(Marshal.GetLastPInvokeError());
        }

        Assert.True(argument.walk_end == argument.end, "the walk did not reach the end");
        List<long> pages = [];
        for (int i = 0; i < count; i++)
        {
            for (ulong a = vector[i].start; a < vector[i].end; a += MemoryLayout.PageBytes)
            {
                pages.Add((long)(a - argument.start) / MemoryLayout.PageBytes);
            }
        }

        return [.. pages];
    }

    public void Dispose()
    {
        _uffd.Dispose();
        _pagemap.Dispose();
    }

    private static uffdio_range Range(GuestMemory memory) => new() { start = (ulong)Address(memory), len = (ulong)memory.Layout.Bytes };
}

internal sealed class ScanException(int errno) : Exception($"PAGEMAP_SCAN: error {errno}")
{
    public int Errno { get; } = errno;
}
