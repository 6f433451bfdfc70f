using System.Runtime.InteropServices;

namespace PageEngine.Streaming;

// Owns: one piece of memory for a gathered send or a scattered receive: laid out as the kernel's struct iovec.

/// <summary>An address and a length in bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IoVector
{
    /// <summary>The most of them that one system call takes (UIO_MAXIOV).</summary>
    internal const int MaxPerCall = 1024;

    internal byte* Start;
    internal nuint Bytes;
}
