using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace PageEngine.Qemu.Interop;

// Owns: the system calls of this assembly, nothing else. Constants keep the kernel's spelling; the numbers of system calls
// are those of x86-64.

internal static unsafe partial class Libc
{
    internal const int EPERM = 1;
    internal const int ENOENT = 2;
    internal const int ESRCH = 3;
    internal const int EINTR = 4;
    internal const int EAGAIN = 11;
    internal const int EACCES = 13;
    internal const int ENOSYS = 38;
    internal const int ETIMEDOUT = 110;

    internal const int O_NONBLOCK = 0x800;
    internal const int O_CLOEXEC = 0x80000;
    internal const int F_SETPIPE_SZ = 1031;

    internal const int SOL_SOCKET = 1;
    internal const int SO_PEERCRED = 17;
    internal const int SCM_RIGHTS = 1;
    internal const int MSG_NOSIGNAL = 0x4000;

    internal const short POLLIN = 1;
    internal const short POLLOUT = 4;

    internal const int SYS_close = 3;
    internal const int SYS_pidfd_send_signal = 424;
    internal const int SYS_pidfd_open = 434;
    internal const int SYS_pidfd_getfd = 438;
    internal const int SYS_userfaultfd = 323;
    internal const int UFFD_USER_MODE_ONLY = 1;

    [StructLayout(LayoutKind.Sequential)]
    internal struct @iovec
    {
        public void* iov_base;
        public nuint iov_len;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct @msghdr
    {
        public void* msg_name;
        public uint msg_namelen;
        public iovec* msg_iov;
        public nuint msg_iovlen;
        public void* msg_control;
        public nuint msg_controllen;
        public int msg_flags;
    }

    /// <summary>A control message that carries one descriptor: cmsghdr, the descriptor, and its padding.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct cmsg_descriptor
    {
        public nuint cmsg_len;
        public int cmsg_level;
        public int cmsg_type;
        public int descriptor;
        public int padding;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct @pollfd
    {
        public int fd;
        public short events;
        public short revents;
    }

    internal const int AT_FDCWD = -100;
    internal const uint STATX_INO = 0x100;
    internal const uint STATX_BLOCKS = 0x400;

    /// <summary>struct statx, as far as it is read here.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    internal struct statx_buffer
    {
        [FieldOffset(0)] internal uint stx_mask;
        [FieldOffset(32)] internal ulong stx_ino;
        [FieldOffset(48)] internal ulong stx_blocks;
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int statx(int dirfd, string pathname, int flags, uint mask, out statx_buffer statxbuf);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint sendmsg(SafeHandle sockfd, msghdr* msg, int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int poll(pollfd* fds, nuint nfds, int timeout);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int pipe2(int* pipefd, int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int fcntl(SafeHandle fd, int cmd, int arg);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint read(SafeFileHandle fd, void* buf, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint write(SafeFileHandle fd, void* buf, nuint count);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint syscall(nint number, nint first, nint second, nint third);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint syscall(nint number, nint first, nint second, nint third, nint fourth);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int setsid();

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int setpriority(int which, int who, int prio);
}
