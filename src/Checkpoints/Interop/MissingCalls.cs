using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using static PageEngine.Interop.Userfaultfd;

namespace PageEngine.Checkpoints.Interop;

// Owns: what userfaultfd(2) offers for pages that are missing, beyond what PageEngine.Interop.Userfaultfd has, and waiting for it.
// Names, structs and numbers are those of linux/userfaultfd.h.

internal static unsafe partial class MissingCalls
{
    internal const ulong UFFD_FEATURE_MISSING_SHMEM = 1 << 5;
    internal const ulong UFFDIO_REGISTER_MODE_MISSING = 1;

    internal const uint UFFDIO_WAKE = 0x8010AA02;
    internal const uint UFFDIO_COPY = 0xC028AA03;
    internal const uint UFFDIO_ZEROPAGE = 0xC020AA04;

    /// <summary>What a range can do, as bits of <see cref="uffdio_register.ioctls"/>.</summary>
    internal const ulong COPY_AND_ZEROPAGE = (1 << 3) | (1 << 4);

    internal const byte UFFD_EVENT_PAGEFAULT = 0x12;
    internal const int MessageBytes = 32;

    internal const short POLLIN = 1;
    internal const int ESRCH = 3;
    internal const int EEXIST = 17;

    [StructLayout(LayoutKind.Sequential)]
    internal struct uffdio_copy
    {
        public ulong dst;
        public ulong src;
        public ulong len;
        public ulong mode;
        public long copy;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct uffdio_zeropage
    {
        public uffdio_range range;
        public ulong mode;
        public long zeropage;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct @pollfd
    {
        public int fd;
        public short events;
        public short revents;
    }

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint read(SafeFileHandle fd, void* buf, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int poll(pollfd* fds, nuint nfds, int timeout);
}
