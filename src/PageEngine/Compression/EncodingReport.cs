namespace PageEngine.Compression;

// Owns: what the encoders did, as numbers for people and for the sums behind them.

/// <summary>What the encoders saved and cost in a migration, all streams together.</summary>
public sealed record EncodingReport
{
    /// <summary>Gets the pages that were not sent because the destination had them already.</summary>
    public long UnchangedPages { get; init; }

    /// <summary>Gets the pages that were sent as the difference to what was sent before.</summary>
    public long DeltaPages { get; init; }

    /// <summary>Gets the bytes of those differences.</summary>
    public long DeltaBytes { get; init; }

    /// <summary>Gets the pages that were sent compressed with LZ4.</summary>
    public long Lz4Pages { get; init; }

    /// <summary>Gets their bytes on the wire.</summary>
    public long Lz4Bytes { get; init; }

    /// <summary>Gets the pages that were sent compressed with zstd.</summary>
    public long ZstdPages { get; init; }

    /// <summary>Gets their bytes on the wire.</summary>
    public long ZstdBytes { get; init; }

    /// <summary>Gets the pages that went through an encoder and were sent as they are: they did not become smaller, or only a
    /// comparison was wanted.</summary>
    public long StoredPages { get; init; }

    /// <summary>Gets the time that the sending threads spent in the encoders, samples included.</summary>
    public TimeSpan EncodingTime { get; init; }

    /// <summary>Gets the time of that which was spent on samples, to learn the encoders' rates.</summary>
    public TimeSpan SamplingTime { get; init; }

    /// <summary>Gets the bytes that were not sent because of the encoders: the pages' own less what was sent for them.</summary>
    public long SavedBytes =>
        ((UnchangedPages + DeltaPages + Lz4Pages + ZstdPages) * Memory.MemoryLayout.PageBytes) - DeltaBytes - Lz4Bytes - ZstdBytes;
}

/// <summary>The same while it is summed up: a value, because every coded batch adds one.</summary>
internal record struct EncodingCounts
{
    internal long UnchangedPages;
    internal long DeltaPages;
    internal long DeltaBytes;
    internal long Lz4Pages;
    internal long Lz4Bytes;
    internal long ZstdPages;
    internal long ZstdBytes;
    internal long StoredPages;
    internal TimeSpan EncodingTime;
    internal TimeSpan SamplingTime;

    internal void Add(in EncodingCounts other)
    {
        UnchangedPages += other.UnchangedPages;
        DeltaPages += other.DeltaPages;
        DeltaBytes += other.DeltaBytes;
        Lz4Pages += other.Lz4Pages;
        Lz4Bytes += other.Lz4Bytes;
        ZstdPages += other.ZstdPages;
        ZstdBytes += other.ZstdBytes;
        StoredPages += other.StoredPages;
        EncodingTime += other.EncodingTime;
        SamplingTime += other.SamplingTime;
    }

    internal readonly EncodingReport ToReport() => new()
    {
        UnchangedPages = UnchangedPages,
        DeltaPages = DeltaPages,
        DeltaBytes = DeltaBytes,
        Lz4Pages = Lz4Pages,
        Lz4Bytes = Lz4Bytes,
        ZstdPages = ZstdPages,
        ZstdBytes = ZstdBytes,
        StoredPages = StoredPages,
        EncodingTime = EncodingTime,
        SamplingTime = SamplingTime,
    };
}
