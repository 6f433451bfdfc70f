using System.Buffers.Binary;
using PageEngine.Compression;
using PageEngine.Memory;

namespace PageEngine.Streaming;

// Owns: the payload of a coded batch at the destination: a buffer for its bytes, which may be anything, and the way from there
// into guest memory. The table is in docs/wire-protocol.md, "Coded batches". One thread: the stream's.

internal sealed unsafe class CodedPayload : IDisposable
{
    /// <summary>Bytes in front of the pages for each of them: the length of its difference, or 0.</summary>
    internal const int FormBytes = sizeof(ushort);

    /// <summary>Bytes in front of each block: its length in the lower 24 bits, its codec above.</summary>
    internal const int BlockHeaderBytes = sizeof(uint);

    private const int LengthBits = 24;
    private const int BlockBytes = PageBatchLimits.PagesPerBlock * MemoryLayout.PageBytes;

    private readonly NativeBuffer _bytes = new((int)MaxBytes(PageBatchLimits.MaxPagesPerCodedBatch));
    private readonly NativeBuffer _block = new(BlockBytes);
    private readonly BlockCompressor _compressor = new();

    /// <summary>Gets the place of the payload's bytes.</summary>
    internal NativeBuffer Buffer => _bytes;

    /// <summary>Gets whether so many pages may have a payload of so many bytes.</summary>
    internal static bool MayHave(long bytes, long pages) => bytes > pages * FormBytes && bytes <= MaxBytes(pages);

    /// <summary>Writes the head of a block.</summary>
    internal static void WriteBlockHeader(Span<byte> target, BlockCodec codec, int length) =>
        BinaryPrimitives.WriteUInt32LittleEndian(target, (uint)length | ((uint)codec << LengthBits));

    /// <summary>Puts a whole payload into guest memory.</summary>
    /// <param name="applier">Knows which pages were sent before.</param>
    /// <param name="table">The batch's checked run table.</param>
    /// <param name="dataPages">Its pages with bytes.</param>
    /// <param name="bytes">The payload's length.</param>
    /// <exception cref="MigrationException">It is no such payload; pages may be partly written.</exception>
    internal void Apply(PageApplier applier, ReadOnlySpan<byte> table, int dataPages, int bytes)
    {
        ReadOnlySpan<byte> payload = _bytes.GetSpan()[..bytes];
        ReadOnlySpan<byte> forms = payload[..(dataPages * FormBytes)];
        ReadOnlySpan<byte> deltas = payload[forms.Length..];
        int blockPages = 0;
        int deltaBytes = 0;
        for (int i = 0; i < dataPages; i++)
        {
            int form = BinaryPrimitives.ReadUInt16LittleEndian(forms[(i * FormBytes)..]);
            deltaBytes += form;
            blockPages += form == 0 ? 1 : 0;
        }

        if (deltaBytes > deltas.Length)
        {
            throw StreamViolation.Of($"a coded batch has {deltaBytes} bytes of differences in a payload of {bytes}");
        }

        var blocks = new Blocks(this, deltas[deltaBytes..], blockPages);
        deltas = deltas[..deltaBytes];
        for (int page = 0; !table.IsEmpty; table = table[PageRun.Bytes..])
        {
            PageRun run = PageRun.Read(table);
            if (run.IsZero)
            {
                continue;
            }

            for (long at = run.Start; at < run.End; at++, page++)
            {
                int form = BinaryPrimitives.ReadUInt16LittleEndian(forms[(page * FormBytes)..]);
                Span<byte> target = applier.Memory.Page(at);
                if (form == 0)
                {
                    blocks.Next().CopyTo(target);
                    continue;
                }

                if (!applier.WasOffered(at))
                {
                    throw StreamViolation.Of($"a difference came for page {at}, which never came itself");
                }

                if (!PageDelta.TryApply(deltas[..form], target))
                {
                    throw StreamViolation.Of($"the difference of page {at} makes no sense");
                }

                deltas = deltas[form..];
            }
        }

        blocks.End();
    }

    public void Dispose()
    {
        ((IDisposable)_bytes).Dispose();
        ((IDisposable)_block).Dispose();
        _compressor.Dispose();
    }

    private static long MaxBytes(long pages) =>
        (pages * (FormBytes + MemoryLayout.PageBytes)) + ((pages + PageBatchLimits.PagesPerBlock - 1) / PageBatchLimits.PagesPerBlock * BlockHeaderBytes);

    // The pages of the blocks, one after the other; a block is opened when its first page is wanted.
    private ref struct Blocks(CodedPayload owner, ReadOnlySpan<byte> coded, int pages)
    {
        private ReadOnlySpan<byte> _coded = coded;
        private ReadOnlySpan<byte> _open;
        private int _pages = pages;

        internal ReadOnlySpan<byte> Next()
        {
            if (_open.IsEmpty)
            {
                Open();
            }

            ReadOnlySpan<byte> page = _open[..MemoryLayout.PageBytes];
            _open = _open[MemoryLayout.PageBytes..];
            return page;
        }

        internal readonly void End()
        {
            if (!_coded.IsEmpty)
            {
                throw StreamViolation.Of($"{_coded.Length} bytes follow the last block of a coded batch");
            }
        }

        private void Open()
        {
            int count = Math.Min(_pages, PageBatchLimits.PagesPerBlock);
            _pages -= count;
            uint head = _coded.Length < BlockHeaderBytes ? uint.MaxValue : BinaryPrimitives.ReadUInt32LittleEndian(_coded);
            int length = (int)(head & ((1u << LengthBits) - 1));
            var codec = (BlockCodec)(head >> LengthBits);
            if (length > _coded.Length - BlockHeaderBytes)
            {
                throw StreamViolation.Of($"a block of a coded batch has {length} bytes where {_coded.Length} are left");
            }

            ReadOnlySpan<byte> block = _coded.Slice(BlockHeaderBytes, length);
            _coded = _coded[(BlockHeaderBytes + length)..];
            Span<byte> opened = owner._block.GetSpan()[..(count * MemoryLayout.PageBytes)];
            if (codec == BlockCodec.Stored && length == opened.Length)
            {
                _open = block;
                return;
            }

            if (!owner._compressor.TryDecompress(codec, block, opened))
            {
                throw StreamViolation.Of($"a block of {length} bytes with codec {(int)codec} does not hold {count} pages");
            }

            _open = opened;
        }
    }
}
