namespace PageEngine.Compression;

// Owns: what the streams of one migration share about encoding: what the user wants, the pages as they were sent last, and the
// sum of what was done.

/// <summary>The encoding of one migration's pages. Safe from any thread.</summary>
internal sealed class PageEncoding : IDisposable
{
    private readonly Lock _lock = new();
    private EncodingCounts _counts;

    /// <param name="compression">What the user wants.</param>
    /// <param name="cacheBytes">Room for copies of pages as they were sent last; less than a page: none are kept.</param>
    /// <param name="linkLimitBytesPerSecond">The cap on one stream's share of the link; 0: none.</param>
    internal PageEncoding(PageCompression compression, long cacheBytes, double linkLimitBytesPerSecond = 0)
    {
        Compression = compression;
        LinkLimitBytesPerSecond = linkLimitBytesPerSecond;
        Cache = cacheBytes >= Memory.MemoryLayout.PageBytes ? new SentPageCache(cacheBytes) : null;
    }

    internal PageCompression Compression { get; }

    internal double LinkLimitBytesPerSecond { get; }

    internal SentPageCache? Cache { get; }

    /// <summary>Gets what was done so far.</summary>
    internal EncodingReport Report
    {
        get
        {
            lock (_lock)
            {
                return _counts.ToReport();
            }
        }
    }

    /// <summary>Adds what was done with a batch. Not on the way of a plain batch.</summary>
    internal void Add(in EncodingCounts done)
    {
        lock (_lock)
        {
            _counts.Add(done);
        }
    }

    public void Dispose() => Cache?.Dispose();
}
