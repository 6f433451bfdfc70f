namespace PageEngine.Streaming;

// Owns: every limit of a page batch. The reader of a stream checks each number against these before it uses it.

/// <summary>What one page batch may hold. A part of the wire format: raising one needs a new format version.</summary>
internal static class PageBatchLimits
{
    /// <summary>Runs in one batch. With the header they fit into one gathered send, which takes at most 1024 pieces.</summary>
    internal const int MaxRunsPerBatch = 1000;

    /// <summary>Pages in one batch whose bytes follow: 4 MiB.</summary>
    internal const int MaxPagesPerBatch = 1024;

    /// <summary>Zero pages in one batch: 256 MiB. They cost nothing on the wire, but the destination may have to clear
    /// them, and must not fall silent for long.</summary>
    internal const int MaxZeroPagesPerBatch = 65_536;

    /// <summary>Pages in one coded batch: 1 MiB of guest. Both ends keep its payload in a buffer of their own.</summary>
    internal const int MaxPagesPerCodedBatch = 256;

    /// <summary>Pages in one block of a coded batch: 64 KiB, beyond which compression gains little.</summary>
    internal const int PagesPerBlock = 16;

    /// <summary>Pages in one run: what 23 bits hold.</summary>
    internal const int MaxPagesPerRun = (1 << 23) - 1;

    /// <summary>Page streams of one migration.</summary>
    internal const int MaxStreams = 64;

    /// <summary>Bytes of a header with the longest run table.</summary>
    internal const int MaxHeadBytes = PageBatchHeader.Bytes + (MaxRunsPerBatch * PageRun.Bytes);
}
