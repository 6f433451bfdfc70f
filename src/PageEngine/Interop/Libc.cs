using System.Runtime.InteropServices;

namespace PageEngine.Interop;

// Owns: the libc imports that map, lock and release memory, and nothing else. Constants keep the kernel's spelling.

internal static unsafe partial class Libc
{
    internal const int PROT_READ = 1;
    internal const int PROT_WRITE = 2;

    internal const int MAP_SHARED = 1;
    internal const int MAP_PRIVATE = 2;
    internal const int MAP_ANONYMOUS = 0x20;
    internal const int MAP_NORESERVE = 0x4000;
    internal const int MAP_HUGETLB = 0x40000;
    internal const int MAP_HUGE_2MB = 21 << 26;
    internal const int MAP_HUGE_1GB = 30 << 26;
    internal const nint MAP_FAILED = -1;

    internal const int MADV_HUGEPAGE = 14;
    internal const int MADV_NOHUGEPAGE = 15;
    internal const int MADV_POPULATE_WRITE = 23;

    internal const uint MFD_CLOEXEC = 1;
    internal const uint MFD_ALLOW_SEALING = 2;
    internal const uint MFD_HUGETLB = 4;
    internal const uint MFD_HUGE_2MB = 21u << 26;
    internal const uint MFD_HUGE_1GB = 30u << 26;

    internal const int F_ADD_SEALS = 1033;
    internal const int F_SEAL_SHRINK = 2;
    internal const int F_SEAL_GROW = 4;

    internal const int O_RDWR = 2;
    internal const int O_CREAT = 0x40;
    internal const int O_EXCL = 0x80;
    internal const int O_CLOEXEC = 0x80000;

    internal const int RLIMIT_MEMLOCK = 8;

    internal const int EPERM = 1;
    internal const int ENOENT = 2;
    internal const int EINTR = 4;
    internal const int EAGAIN = 11;
    internal const int ENOMEM = 12;
    internal const int EEXIST = 17;
    internal const int EINVAL = 22;
    internal const int ENOSPC = 28;

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint mmap(nint addr, nuint length, int prot, int flags, int fd, long offset);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int munmap(nint addr, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int madvise(nint addr, nuint length, int advice);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int mlock(nint addr, nuint length);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int memfd_create(string name, uint flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int open(string pathname, int flags, uint mode);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int ftruncate(SafeHandle fd, long length);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int fcntl(SafeHandle fd, int cmd, int arg);

    /// <param name="rlim">Room for struct rlimit: rlim_cur, rlim_max.</param>
    [LibraryImport("libc", SetLastError = true)]
    internal static partial int getrlimit(int resource, ulong* rlim);
}
