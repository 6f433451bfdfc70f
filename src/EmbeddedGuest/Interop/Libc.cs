using System.Runtime.InteropServices;

namespace PageEngine.EmbeddedGuest.Interop;

// Owns: every libc import of this assembly and nothing else.

internal static unsafe partial class Libc
{
    // Thread.Sleep cannot wait for less than a millisecond, and a vCPU's pacing gap must stay below that.
    [LibraryImport("libc", SetLastError = true)]
    internal static partial int nanosleep(Timespec* request, Timespec* remaining);

    /// <summary>struct timespec; the compiler reserves type names in lower case.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Timespec
    {
        internal nint tv_sec;
        internal nint tv_nsec;
    }
}
