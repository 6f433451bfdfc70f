using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace PageEngine.Checkpoints.Interop;

// Owns: mapping parts of a file over guest memory, and filling such a mapping. Constants keep the kernel's spelling.

internal static unsafe partial class MappingCalls
{
    internal const int PROT_READ_WRITE = 3;
    internal const int MAP_PRIVATE = 2;
    internal const int MAP_FIXED = 0x10;
    internal const int MAP_NORESERVE = 0x4000;

    /// <summary>Gives every page of a private mapping its own copy; Linux 5.14.</summary>
    internal const int MADV_POPULATE_WRITE = 23;

    internal const int MADV_REMOVE = 9;
    internal const int MADV_HUGEPAGE = 14;
    internal const int MADV_NOHUGEPAGE = 15;

    internal const int EFAULT = 14;
    internal const int EHWPOISON = 133;

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint mmap(void* addr, nuint length, int prot, int flags, SafeFileHandle fd, long offset);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int madvise(void* addr, nuint length, int advice);
}
