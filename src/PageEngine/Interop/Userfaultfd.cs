using System.Runtime.InteropServices;

namespace PageEngine.Interop;

// Owns: the names of userfaultfd(2): structs field for field and numbers as linux/userfaultfd.h spells them. A C
// compiler proves them against the system's header (tests/PageEngine.Tests/Interop).

internal static class Userfaultfd
{
    internal const ulong UFFD_API = 0xAA;
    internal const int UFFD_USER_MODE_ONLY = 1;

    internal const ulong UFFDIO_REGISTER_MODE_WP = 1 << 1;
    internal const ulong UFFDIO_WRITEPROTECT_MODE_WP = 1 << 0;

    /// <summary>Write protection on shared memory and huge pages; Linux 5.19.</summary>
    internal const ulong UFFD_FEATURE_WP_HUGETLBFS_SHMEM = 1 << 12;

    /// <summary>Write protection holds for pages that do not exist yet; Linux 6.4.</summary>
    internal const ulong UFFD_FEATURE_WP_UNPOPULATED = 1 << 13;

    /// <summary>The kernel resolves write faults itself, no handler is asked; Linux 6.7.</summary>
    internal const ulong UFFD_FEATURE_WP_ASYNC = 1 << 15;

    internal const uint USERFAULTFD_IOC_NEW = 0x0000AA00;
    internal const uint UFFDIO_API = 0xC018AA3F;
    internal const uint UFFDIO_REGISTER = 0xC020AA00;
    internal const uint UFFDIO_UNREGISTER = 0x8010AA01;
    internal const uint UFFDIO_WRITEPROTECT = 0xC018AA06;

    /// <summary>The number of userfaultfd(2), which no libc wraps; -1 on an architecture whose number is not known here.</summary>
    internal static int SYS_userfaultfd => RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => 323,
        Architecture.Arm64 => 282,
        _ => -1,
    };

    [StructLayout(LayoutKind.Sequential)]
    internal struct uffdio_api
    {
        public ulong api;
        public ulong features;
        public ulong ioctls;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct uffdio_range
    {
        public ulong start;
        public ulong len;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct uffdio_register
    {
        public uffdio_range range;
        public ulong mode;
        public ulong ioctls;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct uffdio_writeprotect
    {
        public uffdio_range range;
        public ulong mode;
    }
}
