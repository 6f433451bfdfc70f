namespace PageEngine.Checkpoints;

// Owns: the ways in which page data is stored. The codes stand in files and are never reused.

/// <summary>How page data is stored. A chunk that would not become smaller is stored raw whatever was asked for.</summary>
public enum CheckpointCompression
{
    /// <summary>As it is, aligned so that it can be mapped.</summary>
    None = 0,

    /// <summary>LZ4 blocks: fast, for disks slower than memory.</summary>
    Lz4 = 1,

    /// <summary>Zstandard frames: smaller, for keeping and for slow links.</summary>
    Zstd = 2,
}
