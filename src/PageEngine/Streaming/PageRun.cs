using System.Buffers.Binary;
using PageEngine.Memory;

namespace PageEngine.Streaming;

// Owns: one entry of a run table and its 64 bits on the wire.

/// <summary>A run of pages in a batch: either their bytes follow in the payload, or all of them are zero.</summary>
/// <param name="Start">The first page.</param>
/// <param name="Count">How many pages.</param>
/// <param name="IsZero">Whether they are zero, and no bytes follow for them.</param>
internal readonly record struct PageRun(long Start, int Count, bool IsZero)
{
    /// <summary>Bytes of an entry on the wire.</summary>
    internal const int Bytes = 8;

    private const int StartBits = 40;
    private const int CountBits = 23;

    /// <summary>Gets the number of the page after the last one.</summary>
    internal long End => Start + Count;

    internal PageRange Range => new(Start, Count);

    /// <summary>Writes the entry: bits 0 to 39 the first page, 40 to 62 the count, 63 whether the pages are zero.</summary>
    internal void Write(Span<byte> target) =>
        BinaryPrimitives.WriteUInt64LittleEndian(target, (ulong)Start | ((ulong)Count << StartBits) | (IsZero ? 1UL << 63 : 0));

    internal static PageRun Read(ReadOnlySpan<byte> source)
    {
        ulong bits = BinaryPrimitives.ReadUInt64LittleEndian(source);
        return new PageRun(
            (long)(bits & ((1UL << StartBits) - 1)),
            (int)((bits >> StartBits) & ((1UL << CountBits) - 1)),
            bits >> 63 != 0);
    }
}
