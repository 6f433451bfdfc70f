using K4os.Compression.LZ4;
using ZstdSharp;

namespace PageEngine.Compression;

// Owns: the two libraries that make blocks smaller, behind one call each way. One thread uses one object; what a codec needs is
// made when it is used first.

internal sealed class BlockCompressor : IDisposable
{
    // Level 1: on links slow enough for zstd at all, higher levels cost more time than their bytes save.
    private const int ZstdLevel = 1;

    private Compressor? _zstd;
    private Decompressor? _unzstd;

    /// <summary>Compresses a block.</summary>
    /// <param name="codec">How; not <see cref="BlockCodec.Stored"/>.</param>
    /// <param name="block">The bytes.</param>
    /// <param name="target">Receives the result.</param>
    /// <returns>Its length; 0: it does not fit into the target or does not become smaller.</returns>
    internal int Compress(BlockCodec codec, ReadOnlySpan<byte> block, Span<byte> target)
    {
        Span<byte> room = target[..Math.Min(target.Length, block.Length - 1)];
        if (codec == BlockCodec.Lz4)
        {
            return Math.Max(0, LZ4Codec.Encode(block, room));
        }

        _zstd ??= new Compressor(ZstdLevel);
        return _zstd.TryWrap(block, room, out int written) ? written : 0;
    }

    /// <summary>Decompresses into exactly as many bytes as there must be. The input may be anything.</summary>
    /// <returns>False: it is no such block.</returns>
    internal bool TryDecompress(BlockCodec codec, ReadOnlySpan<byte> coded, Span<byte> block)
    {
        try
        {
            return codec switch
            {
                BlockCodec.Lz4 => LZ4Codec.Decode(coded, block) == block.Length,
                BlockCodec.Zstd => (_unzstd ??= new Decompressor()).TryUnwrap(coded, block, out int written) && written == block.Length,
                _ => false,
            };
        }
        catch (ZstdException)
        {
            return false;
        }
    }

    public void Dispose()
    {
        _zstd?.Dispose();
        _unzstd?.Dispose();
    }
}
