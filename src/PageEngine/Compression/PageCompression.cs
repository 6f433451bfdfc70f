namespace PageEngine.Compression;

// Owns: what a user may ask for.

/// <summary>How the bytes of pages may be made smaller on the wire. A block that does not become smaller travels as it is,
/// whatever was asked for.</summary>
public enum PageCompression
{
    /// <summary>Decided for each batch, from the measured rate of the link and the measured rates of the encoders.</summary>
    Auto = 0,

    /// <summary>Never.</summary>
    None = 1,

    /// <summary>Every batch with LZ4.</summary>
    Lz4 = 2,

    /// <summary>Every batch with zstd, level 1.</summary>
    Zstd = 3,
}
