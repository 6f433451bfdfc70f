namespace PageEngine.Memory;

// Owns: the hash that both hosts keep of a page. Changing it changes what verification means between versions.

internal static unsafe class PageHash
{
    /// <summary>The hash of a page of zeros, so that a hole has a hash without being read.</summary>
    internal const ulong ZeroPageHash = 0x93D7_6FE1_48C6_89BA;

    /// <summary>Gets the XxHash3 (64 bits, seed 0) of a page.</summary>
    /// <param name="page">A page's first byte.</param>
    internal static ulong Of(byte* page) =>
        StreamHash.Of(new ReadOnlySpan<byte>(page, MemoryLayout.PageBytes)); // SAFETY: the caller names a whole mapped page.
}
