using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace PageEngine.Tests.Interop;

// System calls that only tests make.
internal static unsafe partial class Calls
{
    internal const int FALLOC_FL_KEEP_SIZE = 1;
    internal const int FALLOC_FL_PUNCH_HOLE = 2;
    internal const int MADV_DONTNEED = 4;
    internal const int MADV_COLLAPSE = 25;
    internal const int PR_SET_DUMPABLE = 4;

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint read(SafeFileHandle fd, void* buffer, nint count);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint pwrite(SafeFileHandle fd, void* buffer, nint count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int fallocate(SafeFileHandle fd, int mode, long offset, long length);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint mmap(void* address, nint length, int protection, int flags, int fd, long offset);

    /// <summary>Puts new private memory in the place of what is mapped there.</summary>
    internal static nint mmapAnonymousFixed(void* address, nint length)
    {
        const int ReadWrite = 3, PrivateAnonymousFixed = 0x2 | 0x20 | 0x10;
        return mmap(address, length, ReadWrite, PrivateAnonymousFixed, -1, 0);
    }

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint mmap(nint address, nint length, int protection, int flags, SafeFileHandle fd, long offset);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int munmap(nint address, nint length);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int madvise(void* address, nint length, int advice);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int setgroups(nint count, nint groups);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int setresgid(uint real, uint effective, uint saved);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int setresuid(uint real, uint effective, uint saved);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int prctl(int option, nint a, nint b, nint c, nint d);
}
