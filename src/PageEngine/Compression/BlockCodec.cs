namespace PageEngine.Compression;

// Owns: the codes of how a block of pages is written.

/// <summary>How a block of pages is written. The codes are on the wire and never reused.</summary>
internal enum BlockCodec : byte
{
    /// <summary>As it is.</summary>
    Stored = 0,

    /// <summary>LZ4, block format.</summary>
    Lz4 = 1,

    /// <summary>One zstd frame.</summary>
    Zstd = 2,
}
