using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using PageEngine.Streaming;

namespace PageEngine.Checkpoints.Interop;

// Owns: the gathered writes and scattered reads that let guest memory go to a file and come from it without a copy.

internal static unsafe partial class FileCalls
{
    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint pwritev(SafeFileHandle fd, IoVector* iov, int iovcnt, long offset);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint preadv(SafeFileHandle fd, IoVector* iov, int iovcnt, long offset);
}
