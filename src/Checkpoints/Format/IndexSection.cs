using System.Buffers;
using System.Buffers.Binary;

namespace PageEngine.Checkpoints.Format;

// Owns: the section "index": where each chunk begins, and for every page that this file says something about, what it is in
// the end and where its bytes are.

/// <param name="Chunks">The offset of each section "memory", in order.</param>
/// <param name="Runs">The runs in page order, without overlap.</param>
internal sealed record IndexSection(long[] Chunks, MemoryRun[] Runs)
{
    private const int HeadBytes = 16;

    /// <summary>Gets the payload's length.</summary>
    internal static long BytesFor(long chunks, long runs) => HeadBytes + (chunks * sizeof(long)) + (runs * MemoryRun.Bytes);

    internal ReadOnlyMemory<byte> Encode()
    {
        long bytes = BytesFor(Chunks.Length, Runs.Length);
        if (bytes > CheckpointFormat.MaxIndexBytes)
        {
            throw new MigrationException(
                MigrationErrorKind.Refused,
                $"The index of this checkpoint would have {bytes} bytes; at most {CheckpointFormat.MaxIndexBytes} are allowed. The memory is too fragmented: save it when the guest is stopped.");
        }

        byte[] payload = new byte[bytes];
        BinaryPrimitives.WriteInt64LittleEndian(payload, Chunks.Length);
        BinaryPrimitives.WriteInt64LittleEndian(payload.AsSpan(8), Runs.Length);
        int at = HeadBytes;
        for (int i = 0; i < Chunks.Length; i++, at += sizeof(long))
        {
            BinaryPrimitives.WriteInt64LittleEndian(payload.AsSpan(at), Chunks[i]);
        }

        for (int i = 0; i < Runs.Length; i++, at += MemoryRun.Bytes)
        {
            Runs[i].Write(payload.AsSpan(at));
        }

        return payload;
    }

    internal static IndexSection Decode(ReadOnlySpan<byte> payload, long offset, long pageCount)
    {
        var reader = new PayloadReader(payload, SectionName.Index, offset);
        long chunks = reader.Int64();
        long runs = reader.Int64();
        if (chunks < 0 || runs < 0 || chunks > payload.Length || runs > payload.Length || BytesFor(chunks, runs) != payload.Length)
        {
            throw reader.Bad("its numbers do not fit its length");
        }

        long[] offsets = new long[chunks];
        for (int i = 0; i < offsets.Length; i++)
        {
            offsets[i] = reader.Int64();
            long least = i == 0 ? CheckpointFormat.FileHeaderBytes : offsets[i - 1] + CheckpointFormat.SectionHeaderBytes;
            if (offsets[i] < least || offsets[i] >= offset)
            {
                throw reader.Bad("its chunks are out of order");
            }
        }

        var table = new MemoryRun[runs];
        long next = 0;
        for (int i = 0; i < table.Length; i++)
        {
            long at = reader.Offset;
            MemoryRun run = MemoryRun.Read(reader.Take(MemoryRun.Bytes), pageCount, SectionName.Index, at);
            bool fits = run.Start >= next
                && (run.Kind != RunKind.Data || (run.Chunk < chunks && run.PageInChunk + run.Count <= CheckpointFormat.MaxChunkPages));
            table[i] = fits ? run : throw Damage.At(SectionName.Index, at, "its runs are out of order, or name a chunk that is not there");
            next = run.End;
        }

        reader.End();
        return new IndexSection(offsets, table);
    }
}
