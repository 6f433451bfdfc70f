namespace PageEngine.Compression;

// Owns: what is decided about one batch.

/// <summary>How a batch goes out.</summary>
/// <param name="Codec">How blocks are compressed.</param>
/// <param name="UsesCache">Whether pages are compared with what was sent last.</param>
/// <param name="Samples">Whether the encoders are tried on a piece of the batch, to know their rates.</param>
internal readonly record struct EncodingPlan(BlockCodec Codec, bool UsesCache, bool Samples)
{
    /// <summary>Gets whether the batch goes out as the pages are in guest memory.</summary>
    internal bool IsPlain => Codec == BlockCodec.Stored && !UsesCache;
}
