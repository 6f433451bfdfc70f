using System.Buffers.Binary;
using PageEngine.Memory;

namespace PageEngine.Checkpoints.Format;

// Owns: the head of a section "memory": 24 bytes and the table of runs; the pages' bytes follow, at a multiple of 4096 in the
// file where they are raw.

/// <param name="Round">The pre-copy round: within one a page occurs once, a later one replaces what an earlier one said.</param>
/// <param name="Compression">How the data is stored.</param>
/// <param name="RunCount">Entries of the table.</param>
/// <param name="PageCount">Pages whose bytes are in the data.</param>
/// <param name="StoredBytes">The data's length as stored.</param>
internal readonly record struct MemoryChunk(uint Round, CheckpointCompression Compression, int RunCount, int PageCount, int StoredBytes)
{
    internal const int HeadBytes = 24;

    internal int DataBytes => PageCount * MemoryLayout.PageBytes;

    /// <summary>Gets where the data begins in the payload: behind the table.</summary>
    internal int DataAt => HeadBytes + (RunCount * MemoryRun.Bytes);

    internal int PayloadBytes => DataAt + StoredBytes;

    /// <summary>Gets how many bytes of padding bring the data to its place, for a section at an offset.</summary>
    internal int PaddingAt(long sectionOffset) => Compression != CheckpointCompression.None || PageCount == 0
        ? 0
        : (int)(-(sectionOffset + CheckpointFormat.SectionHeaderBytes + DataAt) & (CheckpointFormat.DataAlignment - 1));

    internal void Write(Span<byte> target)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(target, Round);
        BinaryPrimitives.WriteUInt32LittleEndian(target[4..], (uint)Compression);
        BinaryPrimitives.WriteInt32LittleEndian(target[8..], RunCount);
        BinaryPrimitives.WriteInt32LittleEndian(target[12..], PageCount);
        BinaryPrimitives.WriteInt32LittleEndian(target[16..], StoredBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(target[20..], 0);
    }

    /// <summary>Reads the head. All numbers are within their limits and fit the payload afterwards.</summary>
    /// <param name="payload">At least the head, as far as the payload has that many bytes.</param>
    /// <param name="header">The section's header.</param>
    /// <param name="sectionOffset">Where the section begins in the file.</param>
    internal static MemoryChunk Read(ReadOnlySpan<byte> payload, SectionHeader header, long sectionOffset)
    {
        long offset = header.PayloadAt(sectionOffset);
        var reader = new PayloadReader(payload, SectionName.Memory, offset);
        uint round = reader.UInt32();
        uint compression = reader.UInt32();
        uint runs = reader.UInt32();
        uint pages = reader.UInt32();
        uint stored = reader.UInt32();
        if (reader.UInt32() != 0
            || compression > (uint)CheckpointCompression.Zstd
            || runs is 0 or > CheckpointFormat.MaxChunkRuns
            || pages > CheckpointFormat.MaxChunkPages
            || stored > CheckpointFormat.MaxChunkPages * MemoryLayout.PageBytes)
        {
            throw Damage.At(SectionName.Memory, offset, "the numbers of a chunk are outside their limits");
        }

        var chunk = new MemoryChunk(round, (CheckpointCompression)compression, (int)runs, (int)pages, (int)stored);
        bool raw = chunk.Compression == CheckpointCompression.None;
        bool fits = chunk.PayloadBytes == header.PayloadBytes
            && header.PaddingBytes == chunk.PaddingAt(sectionOffset)
            && (raw ? stored == chunk.DataBytes : stored > 0 && stored < chunk.DataBytes);
        return fits ? chunk : throw Damage.At(SectionName.Memory, offset, "the lengths of a chunk do not fit each other");
    }

    /// <summary>Reads the table: runs in page order without overlap, whose data lies one behind the other.</summary>
    internal void ReadRuns(ReadOnlySpan<byte> table, long pageCount, long tableOffset, Span<MemoryRun> runs)
    {
        long next = 0;
        int data = 0;
        for (int i = 0; i < RunCount; i++, tableOffset += MemoryRun.Bytes)
        {
            MemoryRun run = MemoryRun.Read(table[(i * MemoryRun.Bytes)..], pageCount, SectionName.Memory, tableOffset);
            if (run.Start < next || (run.Kind == RunKind.Data && (run.Target != data || run.Count > PageCount - data)))
            {
                throw Damage.At(SectionName.Memory, tableOffset, "the runs of a chunk are out of order, or name more pages than it holds");
            }

            next = run.End;
            data += run.Kind == RunKind.Data ? run.Count : 0;
            runs[i] = run;
        }

        if (data != PageCount)
        {
            throw Damage.At(SectionName.Memory, tableOffset, $"its runs name {data} of the {PageCount} pages that it holds");
        }
    }
}
