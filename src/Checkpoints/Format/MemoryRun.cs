using System.Buffers.Binary;
using PageEngine.Memory;

namespace PageEngine.Checkpoints.Format;

// Owns: one entry of a table of pages, 16 bytes, in chunks and in the index.

/// <summary>What a run of pages is.</summary>
internal enum RunKind
{
    /// <summary>Not valid.</summary>
    None = 0,

    /// <summary>Their bytes are in a chunk.</summary>
    Data = 1,

    /// <summary>All of them are zero.</summary>
    Zero = 2,

    /// <summary>Each equals another page of this checkpoint, whose bytes are in a chunk of this file.</summary>
    Equal = 3,
}

/// <summary>A run of pages.</summary>
/// <param name="Start">The first page.</param>
/// <param name="Count">How many; at most <see cref="MaxCount"/>.</param>
/// <param name="Kind">What they are.</param>
/// <param name="Target">Data: in a chunk, the number of the first page within the chunk's data; in the index, that number and the
/// chunk's in the bits above (<see cref="ChunkShift"/>). Equal: the page that the first one equals. Zero: zero.</param>
internal readonly record struct MemoryRun(long Start, int Count, RunKind Kind, long Target)
{
    internal const int Bytes = 16;
    internal const int MaxCount = (1 << 22) - 1;
    internal const int ChunkShift = 16;

    private const int StartBits = 40;
    private const int CountBits = 22;

    internal long End => Start + Count;

    /// <summary>Gets the chunk of a run of the index.</summary>
    internal long Chunk => Target >> ChunkShift;

    /// <summary>Gets the first page within the chunk's data.</summary>
    internal int PageInChunk => (int)(Target & ((1 << ChunkShift) - 1));

    /// <summary>Gets the part from one page up to another.</summary>
    internal MemoryRun Part(long from, long end) => new(from, (int)(end - from), Kind, Kind == RunKind.Zero ? 0 : Target + (from - Start));

    internal void Write(Span<byte> target)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(target, (ulong)Start | ((ulong)Count << StartBits) | ((ulong)Kind << (StartBits + CountBits)));
        BinaryPrimitives.WriteInt64LittleEndian(target[8..], Target);
    }

    /// <summary>Reads an entry and checks it against the layout: pages beyond the memory are damage.</summary>
    internal static MemoryRun Read(ReadOnlySpan<byte> source, long pageCount, SectionName section, long offset)
    {
        ulong bits = BinaryPrimitives.ReadUInt64LittleEndian(source);
        var run = new MemoryRun(
            (long)(bits & ((1UL << StartBits) - 1)),
            (int)((bits >> StartBits) & ((1UL << CountBits) - 1)),
            (RunKind)(bits >> (StartBits + CountBits)),
            BinaryPrimitives.ReadInt64LittleEndian(source[8..]));
        bool fits = run.Kind != RunKind.None && run.Count > 0 && run.End <= pageCount && run.Target >= 0;
        fits &= run.Kind switch
        {
            RunKind.Zero => run.Target == 0,
            RunKind.Equal => run.Target <= pageCount - run.Count,
            _ => true,
        };
        return fits ? run : throw Damage.At(section, offset, $"a run of pages is outside the memory of {pageCount} pages, or makes no sense");
    }
}
