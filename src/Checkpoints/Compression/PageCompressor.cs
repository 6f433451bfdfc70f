using K4os.Compression.LZ4;
using ZstdSharp;

namespace PageEngine.Checkpoints.Compression;

// Owns: what makes page data smaller and large again, behind one call each way. One thread uses one object.

internal sealed class PageCompressor : IDisposable
{
    private const int ZstdLevel = 1;

    private readonly Lz4BlockEncoder? _lz4;
    private readonly Compressor? _zstd;
    private Decompressor? _unzstd;

    internal PageCompressor(CheckpointCompression compression)
    {
        Compression = compression;
        _lz4 = compression == CheckpointCompression.Lz4 ? new Lz4BlockEncoder() : null;
        _zstd = compression == CheckpointCompression.Zstd ? new Compressor(ZstdLevel) : null;
    }

    internal CheckpointCompression Compression { get; }

    /// <summary>Compresses.</summary>
    /// <returns>The length; 0: it would not become smaller, keep it as it is.</returns>
    internal int Compress(ReadOnlySpan<byte> pages, Span<byte> target)
    {
        // One byte short of the original: what does not fit is not worth it.
        Span<byte> room = target[..Math.Min(target.Length, pages.Length - 1)];
        int written = 0;
        bool fits = Compression switch
        {
            CheckpointCompression.Lz4 => (written = _lz4!.Encode(pages, room)) > 0,
            CheckpointCompression.Zstd => _zstd!.TryWrap(pages, room, out written),
            _ => false,
        };
        return fits && written > 0 ? written : 0;
    }

    /// <summary>Decompresses into exactly as many bytes as there must be.</summary>
    /// <returns>False: it is no such data.</returns>
    internal bool TryDecompress(CheckpointCompression compression, ReadOnlySpan<byte> stored, Span<byte> pages)
    {
        try
        {
            return compression switch
            {
                CheckpointCompression.Lz4 => LZ4Codec.Decode(stored, pages) == pages.Length,
                CheckpointCompression.Zstd => (_unzstd ??= new Decompressor()).TryUnwrap(stored, pages, out int written) && written == pages.Length,
                _ => false,
            };
        }
        catch (ZstdException)
        {
            return false; // Damaged in a way that the checksum, which can be forged, did not show.
        }
    }

    public void Dispose()
    {
        _lz4?.Dispose();
        _zstd?.Dispose();
        _unzstd?.Dispose();
    }
}
