using System.Runtime.InteropServices;

namespace PageEngine.EmbeddedGuest.Interop;

// Owns: every libc import of this assembly and nothing else.

internal static unsafe partial class Libc
{
    // Thread.Sleep cannot wait for less than a millisecond, and a vCPU's pacing gap must stay below that.
    [LibraryImport("libc", SetLastError = true)]
    internal static partial int nanosleep(timespec* request, timespec* remaining);

    [StructLayout(LayoutKind.Sequential)]
    internal struct timespec
    {
        internal nint tv_sec;
        internal nint tv_nsec;
    }
}
