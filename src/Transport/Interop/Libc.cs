using System.Runtime.InteropServices;
using PageEngine.Streaming;

namespace PageEngine.Transport.Interop;

// Owns: every libc import of this assembly and nothing else. Names and constants keep the kernel's spelling.

internal static unsafe partial class Libc
{
    internal const int MSG_PEEK = 0x2;
    internal const int MSG_WAITALL = 0x100;
    internal const int MSG_NOSIGNAL = 0x4000;
    internal const int MSG_MORE = 0x8000;
    internal const int SPLICE_F_MOVE = 1;
    internal const int SPLICE_F_NONBLOCK = 2;
    internal const int SPLICE_F_MORE = 4;
    internal const int F_SETPIPE_SZ = 1031;
    internal const int O_CLOEXEC = 0x80000;
    internal const int CLOCK_THREAD_CPUTIME_ID = 3;
    internal const uint SIOCOUTQ = 0x5411;
    internal const int SHUT_WR = 1;
    internal const int SHUT_RDWR = 2;
    internal const int F_GETFL = 3;
    internal const int F_SETFL = 4;
    internal const int O_NONBLOCK = 0x800;
    internal const short POLLIN = 1;
    internal const short POLLOUT = 4;
    internal const int EINTR = 4;
    internal const int EAGAIN = 11;
    internal const int EPIPE = 32;
    internal const int ECONNRESET = 104;
    internal const int ETIMEDOUT = 110;
    internal const int SOL_TCP = 6;
    internal const int TCP_CONGESTION = 13;
    internal const int TCP_USER_TIMEOUT = 18;

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint sendmsg(SafeHandle sockfd, msghdr* msg, int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint recvmsg(SafeHandle sockfd, msghdr* msg, int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int shutdown(SafeHandle sockfd, int how);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int fcntl(SafeHandle fd, int cmd, int arg);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int ioctl(SafeHandle fd, nuint request, int* arg);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int poll(pollfd* fds, nuint nfds, int timeout);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int pipe2(int* pipefd, int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint vmsplice(SafeHandle fd, IoVector* iov, nuint nr_segs, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint splice(SafeHandle fd_in, long* off_in, SafeHandle fd_out, long* off_out, nuint len, uint flags);

    [LibraryImport("libc")]
    internal static partial int clock_gettime(int clk_id, timespec* tp);

#pragma warning disable CS8981 // The kernel's names are lower case.
    [StructLayout(LayoutKind.Sequential)]
    internal struct msghdr
    {
        internal void* msg_name;
        internal uint msg_namelen;
        internal IoVector* msg_iov;
        internal nuint msg_iovlen;
        internal void* msg_control;
        internal nuint msg_controllen;
        internal int msg_flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct timespec
    {
        internal long tv_sec;
        internal long tv_nsec;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct pollfd
    {
        internal int fd;
        internal short events;
        internal short revents;
    }
#pragma warning restore CS8981
}
