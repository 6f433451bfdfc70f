using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace PageEngine.Bitmaps;

// Owns: which width of vectors the bitmap kernels use on this machine.

/// <summary>The implementations of a kernel; all give the same results.</summary>
internal enum VectorPath
{
    /// <summary>One word at a time.</summary>
    Scalar,

    /// <summary>128-bit vectors.</summary>
    Vector128,

    /// <summary>256-bit vectors.</summary>
    Vector256,

    /// <summary>512-bit vectors.</summary>
    Vector512,
}

internal static class VectorPaths
{
    /// <summary>The widest path that this machine accelerates: a constant once the JIT has compiled its readers.</summary>
    internal static readonly VectorPath Best =
        IsSupported(VectorPath.Vector512) ? VectorPath.Vector512 :
        IsSupported(VectorPath.Vector256) ? VectorPath.Vector256 :
        IsSupported(VectorPath.Vector128) ? VectorPath.Vector128 :
        VectorPath.Scalar;

    /// <summary>Gets whether a path runs here: its vectors are in hardware, and so is the byte shuffle (on Arm: the byte
    /// population count) that counting needs.</summary>
    internal static bool IsSupported(VectorPath path) => path switch
    {
        VectorPath.Scalar => true,
        VectorPath.Vector128 => Vector128.IsHardwareAccelerated && (Ssse3.IsSupported || AdvSimd.IsSupported),
        VectorPath.Vector256 => Vector256.IsHardwareAccelerated && Avx2.IsSupported,
        VectorPath.Vector512 => Vector512.IsHardwareAccelerated && Avx512BW.IsSupported,
        _ => false,
    };
}
