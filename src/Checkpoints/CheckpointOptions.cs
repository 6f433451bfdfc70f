using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using PageEngine.Bitmaps;
using PageEngine.Checkpoints.Format;
using PageEngine.Ownership;
using PageEngine.Planning;

namespace PageEngine.Checkpoints;

// Owns: what an embedder may choose when a checkpoint is written, with defaults and limits.

/// <summary>How a checkpoint is written. Immutable.</summary>
public sealed record CheckpointOptions
{
    /// <summary>Gets how pages are stored; default <see cref="CheckpointCompression.None"/>.</summary>
    public CheckpointCompression Compression { get; init; }

    /// <summary>Gets how many threads compress and hash; 0 (default): as many as there are processors, at most 16.</summary>
    public int Workers { get; init; }

    /// <summary>Gets how many pages with bytes share a chunk, 1 to 4096; 0 (default): 1024 (4 MiB), and more in raw checkpoints of
    /// more than 2 GiB, so that the memory has about 512 chunks. A chunk is what is compressed, checked and read at once, and what
    /// a lazy restore maps by one call.</summary>
    public int ChunkPages { get; init; }

    /// <summary>Gets the ownership epoch that the guest runs under; 0 (default): it has not run. A running guest is resumed
    /// under it.</summary>
    public ulong Epoch { get; init; }

    /// <summary>Gets the run that holds the epoch at the ownership store; default: there is no store.</summary>
    public RunId Run { get; init; }

    /// <summary>Gets whether the guest is stopped here for good once the checkpoint is complete (suspend); false (default): it
    /// goes on or may go on (snapshot). It is said in the checkpoint, and decides who may be restored from it.</summary>
    public bool Suspend { get; init; }

    /// <summary>Gets the checkpoint that this one adds to; null (default): it stands alone.</summary>
    public CheckpointInfo? Parent { get; init; }

    /// <summary>Gets the pages that may have changed since <see cref="Parent"/>; required with it. Pages that are not marked
    /// are not looked at.</summary>
    public DirtyBitmap? Changed { get; init; }

    /// <summary>Gets whether the tracer was started by the caller and goes on after the checkpoint, so that the next one can add
    /// to this one; default false: it is started and stopped.</summary>
    public bool KeepTracing { get; init; }

    /// <summary>Gets what decides after each round of a running guest; null (default): a pause of at most half a second, and
    /// giving up when the guest writes faster than the storage.</summary>
    public IMigrationPolicy? Policy { get; init; }

    /// <summary>Gets when the checkpoint says it was written; null (default): now.</summary>
    public DateTimeOffset? CreatedAt { get; init; }

    /// <summary>Gets the log.</summary>
    public ILogger Logger { get; init; } = NullLogger.Instance;

    /// <summary>Gets the clock.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    private const int UsualChunkPages = 1024;
    private const int UsualChunks = 512;

    internal int EffectiveWorkers => Workers > 0 ? Workers : Math.Clamp(Environment.ProcessorCount, 1, 16);

    internal int EffectiveChunkPages(long pageCount) => ChunkPages > 0 ? ChunkPages
        : Compression != CheckpointCompression.None ? UsualChunkPages
        : (int)Math.Clamp(pageCount / UsualChunks, UsualChunkPages, CheckpointFormat.MaxChunkPages);

    internal void Validate(long pageCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(Workers, nameof(Workers));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Workers, 256, nameof(Workers));
        ArgumentOutOfRangeException.ThrowIfNegative(ChunkPages, nameof(ChunkPages));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ChunkPages, CheckpointFormat.MaxChunkPages, nameof(ChunkPages));
        if (Compression is < CheckpointCompression.None or > CheckpointCompression.Zstd)
        {
            throw new ArgumentException($"{nameof(Compression)} is {Compression}; it must be none, LZ4 or Zstandard.");
        }

        if ((Parent is null) != (Changed is null))
        {
            throw new ArgumentException($"{nameof(Parent)} and {nameof(Changed)} go together: what changed, and since when.");
        }

        if (Changed is { } changed && changed.PageCount != pageCount)
        {
            throw new ArgumentException($"{nameof(Changed)} is for {changed.PageCount} pages, the guest has {pageCount}.");
        }
    }
}
