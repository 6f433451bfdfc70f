using PageEngine.Compression;
using PageEngine.Memory;

namespace PageEngine.Transport.Measuring;

// Owns: what is tried on a link.

/// <summary>One way to send pages, tried for a while.</summary>
public sealed record LinkCase
{
    /// <summary>The most streams of a case.</summary>
    public const int MaxStreams = MigrationSource.MaxStreams;

    /// <summary>Gets the number of page streams; default 1.</summary>
    public int Streams { get; init; } = 1;

    /// <summary>Gets how many pages lie side by side before as many are left out: 1, the default, is the most scattered that
    /// dirty memory can be.</summary>
    public int RunPages { get; init; } = 1;

    /// <summary>Gets the most pages of one batch; default and most 1024.</summary>
    public int BatchPages { get; init; } = 1024;

    /// <summary>Gets how pages are made smaller; default: not at all. Nothing is compared with what was sent before.</summary>
    public PageCompression Compression { get; init; } = PageCompression.None;

    /// <summary>Gets how long to send; default 2 s. What was begun is sent to its end.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Gets the bytes that lie side by side.</summary>
    public long RunBytes => (long)RunPages * MemoryLayout.PageBytes;
}
