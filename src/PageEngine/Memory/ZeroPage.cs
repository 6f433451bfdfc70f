using System.Runtime.Intrinsics;

namespace PageEngine.Memory;

// Owns: the question whether a page holds only zeros. Reads the page: never asked of a hole.

internal static unsafe class ZeroPage
{
    // Vectors that are looked at before a branch: with one branch a vector the branches are the limit, not the memory.
    private const int Together = 8;

    /// <summary>Gets whether all bytes of a page are zero.</summary>
    /// <param name="page">A page's first byte; a page is aligned.</param>
    /// <remarks>Most pages that are not zero differ in their first cache line, and fetching that line is what such a page
    /// costs: it is looked at by itself.</remarks>
    internal static bool IsZero(byte* page)
    {
        // SAFETY: the caller names a whole mapped page, which is aligned; every load below lies within its 4096 bytes.
        if (Vector512.IsHardwareAccelerated)
        {
            if (Vector512.LoadAligned(page) != Vector512<byte>.Zero)
            {
                return false;
            }

            for (int i = 0; i < MemoryLayout.PageBytes; i += Together * 64)
            {
                byte* at = page + i;
                Vector512<byte> any =
                    ((Vector512.LoadAligned(at) | Vector512.LoadAligned(at + 64)) | (Vector512.LoadAligned(at + 128) | Vector512.LoadAligned(at + 192)))
                    | ((Vector512.LoadAligned(at + 256) | Vector512.LoadAligned(at + 320)) | (Vector512.LoadAligned(at + 384) | Vector512.LoadAligned(at + 448)));
                if (any != Vector512<byte>.Zero)
                {
                    return false;
                }
            }

            return true;
        }

        if (Vector256.IsHardwareAccelerated)
        {
            if ((Vector256.LoadAligned(page) | Vector256.LoadAligned(page + 32)) != Vector256<byte>.Zero)
            {
                return false;
            }

            for (int i = 0; i < MemoryLayout.PageBytes; i += Together * 32)
            {
                byte* at = page + i;
                Vector256<byte> any =
                    ((Vector256.LoadAligned(at) | Vector256.LoadAligned(at + 32)) | (Vector256.LoadAligned(at + 64) | Vector256.LoadAligned(at + 96)))
                    | ((Vector256.LoadAligned(at + 128) | Vector256.LoadAligned(at + 160)) | (Vector256.LoadAligned(at + 192) | Vector256.LoadAligned(at + 224)));
                if (any != Vector256<byte>.Zero)
                {
                    return false;
                }
            }

            return true;
        }

        ulong* line = (ulong*)page;
        return (line[0] | line[1] | line[2] | line[3] | line[4] | line[5] | line[6] | line[7]) == 0
            && new ReadOnlySpan<byte>(page + 64, MemoryLayout.PageBytes - 64).IndexOfAnyExcept((byte)0) < 0;
    }
}
