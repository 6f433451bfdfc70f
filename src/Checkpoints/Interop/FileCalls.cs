using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using PageEngine.Streaming;

namespace PageEngine.Checkpoints.Interop;

// Owns: the gathered writes and scattered reads that let guest memory go to a file and come from it without a copy, and the
// rename that swaps two names.

internal static unsafe partial class FileCalls
{
    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint pwritev(SafeFileHandle fd, IoVector* iov, int iovcnt, long offset);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint preadv(SafeFileHandle fd, IoVector* iov, int iovcnt, long offset);

    internal const int AT_FDCWD = -100;
    internal const uint RENAME_EXCHANGE = 2;

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int renameat2(int olddirfd, string oldpath, int newdirfd, string newpath, uint flags);
}
