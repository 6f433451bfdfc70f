using PageEngine.Memory;

namespace PageEngine.Streaming;

// Owns: what may be written to the destination's memory, and what is known about each page there. [SKELETON]

/// <summary>The destination's memory as the page streams see it; shared by all streams of a migration.</summary>
internal sealed class PageApplier : IDisposable
{
    /// <param name="memory">The destination's memory.</param>
    /// <param name="keepHashes">Whether a hash is kept of every page that arrives (for verification).</param>
    internal PageApplier(GuestMemory memory, bool keepHashes) => throw new NotImplementedException();

    /// <summary>Gets the number of pages that were offered at least once.</summary>
    internal long OfferedPages => throw new NotImplementedException();

    internal long WireBytes => throw new NotImplementedException();

    /// <summary>Gets the hash of a page as it was last applied (of a zero page, where it was a hole).</summary>
    internal ulong HashOf(long page) => throw new NotImplementedException();

    public void Dispose()
    {
    }
}
