using System.Runtime.InteropServices;

namespace PageEngine.Interop;

// Owns: the names of the PAGEMAP_SCAN ioctl (Linux 6.7, Documentation/admin-guide/mm/pagemap.rst), in the kernel's
// spelling. A C compiler proves them (tests/PageEngine.Tests/Interop).

internal static class PagemapScan
{
    internal const uint PAGEMAP_SCAN = 0xC0606610;

    internal const ulong PAGE_IS_WRITTEN = 1 << 1;
    internal const ulong PAGE_IS_PRESENT = 1 << 3;
    internal const ulong PAGE_IS_SWAPPED = 1 << 4;
    internal const ulong PAGE_IS_PFNZERO = 1 << 5;

    internal const ulong PM_SCAN_WP_MATCHING = 1 << 0;
    internal const ulong PM_SCAN_CHECK_WPASYNC = 1 << 1;

    [StructLayout(LayoutKind.Sequential)]
    internal struct page_region
    {
        public ulong start;
        public ulong end;
        public ulong categories;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct pm_scan_arg
    {
        public ulong size;
        public ulong flags;
        public ulong start;
        public ulong end;
        public ulong walk_end;
        public ulong vec;
        public ulong vec_len;
        public ulong max_pages;
        public ulong category_inverted;
        public ulong category_mask;
        public ulong category_anyof_mask;
        public ulong return_mask;
    }
}
