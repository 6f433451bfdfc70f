using System.Buffers.Binary;
using System.IO.Hashing;

namespace PageEngine.Streaming;

// Owns: the fixed head of a batch: its bytes and its checksum. The table is in docs/wire-protocol.md, "Page streams".

/// <summary>The first bytes of every batch.</summary>
/// <param name="Kind">What the batch is.</param>
/// <param name="Round">The round it belongs to.</param>
/// <param name="Stream">The stream it travels on.</param>
/// <param name="Runs">Entries of the run table that follows.</param>
/// <param name="Sequence">Its number on its stream, from 0.</param>
/// <param name="DataPages">Pages whose bytes follow; on a mark: the stream's total.</param>
/// <param name="ZeroPages">Pages that are zero; on a mark: the stream's total.</param>
/// <param name="PayloadBytes">Bytes after the run table; on a mark: the stream's bytes on the wire, this mark included.</param>
/// <param name="Encoding">How the payload is written; marks are plain.</param>
internal readonly record struct PageBatchHeader(
    PageBatchKind Kind,
    int Round,
    int Stream,
    int Runs,
    long Sequence,
    long DataPages,
    long ZeroPages,
    long PayloadBytes,
    byte Encoding = PageBatchHeader.PlainEncoding)
{
    /// <summary>Bytes of the header on the wire.</summary>
    internal const int Bytes = 56;

    /// <summary>The first four bytes: "PgBt".</summary>
    internal const uint Magic = 0x7442_6750;

    /// <summary>The version of this format.</summary>
    internal const byte FormatVersion = 1;

    /// <summary>The payload is the pages as they are. Zero is not a valid code.</summary>
    internal const byte PlainEncoding = 1;

    /// <summary>The payload is differences and blocks, as in docs/wire-protocol.md, "Coded batches".</summary>
    internal const byte CodedEncoding = 2;

    private const int ChecksumOffset = 48;

    /// <summary>Gets the bytes of the run table.</summary>
    internal int TableBytes => Runs * PageRun.Bytes;

    /// <summary>Writes the header in front of a run table that is already in place, and seals both with the checksum.</summary>
    /// <param name="head">Room for the header, then the run table, and nothing more.</param>
    internal void WriteAndSeal(Span<byte> head)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(head, Magic);
        head[4] = FormatVersion;
        head[5] = (byte)Kind;
        head[6] = Encoding;
        head[7] = 0;
        BinaryPrimitives.WriteInt32LittleEndian(head[8..], Round);
        BinaryPrimitives.WriteUInt16LittleEndian(head[12..], (ushort)Stream);
        BinaryPrimitives.WriteUInt16LittleEndian(head[14..], (ushort)Runs);
        BinaryPrimitives.WriteInt64LittleEndian(head[16..], Sequence);
        BinaryPrimitives.WriteInt64LittleEndian(head[24..], DataPages);
        BinaryPrimitives.WriteInt64LittleEndian(head[32..], ZeroPages);
        BinaryPrimitives.WriteInt64LittleEndian(head[40..], PayloadBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(head[ChecksumOffset..], 0);
        BinaryPrimitives.WriteUInt64LittleEndian(head[ChecksumOffset..], XxHash3.HashToUInt64(head));
    }

    /// <summary>Reads a header and checks all that can be checked without its run table: from here on the number of runs
    /// is within its limit. Nothing else in it may be relied on before <see cref="CheckSeal"/>.</summary>
    /// <exception cref="MigrationException">It is not a header of this version.</exception>
    internal static PageBatchHeader Read(ReadOnlySpan<byte> head)
    {
        uint magic = BinaryPrimitives.ReadUInt32LittleEndian(head);
        if (magic != Magic)
        {
            throw StreamViolation.Of($"a batch starts with 0x{magic:x8} instead of 0x{Magic:x8}");
        }

        if (head[4] != FormatVersion)
        {
            throw StreamViolation.Of($"a batch has format version {head[4]}; this side reads version {FormatVersion}");
        }

        var kind = (PageBatchKind)head[5];
        if (kind is not (PageBatchKind.Data or PageBatchKind.EndOfRound or PageBatchKind.EndOfStream))
        {
            throw StreamViolation.Of($"a batch has the unknown kind {head[5]}");
        }

        if (head[6] is not (PlainEncoding or CodedEncoding) || (head[6] == CodedEncoding && kind != PageBatchKind.Data) || head[7] != 0)
        {
            throw StreamViolation.Of($"a batch has the unknown encoding {head[6]} or flags 0x{head[7]:x2}");
        }

        int runs = BinaryPrimitives.ReadUInt16LittleEndian(head[14..]);
        if (kind == PageBatchKind.Data ? runs is 0 or > PageBatchLimits.MaxRunsPerBatch : runs != 0)
        {
            throw StreamViolation.Of($"a batch of kind {kind} has {runs} runs; pages have 1 to {PageBatchLimits.MaxRunsPerBatch}, marks none");
        }

        return new PageBatchHeader(
            kind,
            BinaryPrimitives.ReadInt32LittleEndian(head[8..]),
            BinaryPrimitives.ReadUInt16LittleEndian(head[12..]),
            runs,
            BinaryPrimitives.ReadInt64LittleEndian(head[16..]),
            BinaryPrimitives.ReadInt64LittleEndian(head[24..]),
            BinaryPrimitives.ReadInt64LittleEndian(head[32..]),
            BinaryPrimitives.ReadInt64LittleEndian(head[40..]),
            head[6]);
    }

    /// <summary>Checks the checksum over header and run table. Overwrites the checksum in the buffer.</summary>
    /// <exception cref="MigrationException">The bytes are not those that were sent.</exception>
    internal static void CheckSeal(Span<byte> head)
    {
        ulong sealedWith = BinaryPrimitives.ReadUInt64LittleEndian(head[ChecksumOffset..]);
        BinaryPrimitives.WriteUInt64LittleEndian(head[ChecksumOffset..], 0);
        ulong actual = XxHash3.HashToUInt64(head);
        if (actual != sealedWith)
        {
            throw StreamViolation.Of($"the checksum of a batch's head is 0x{sealedWith:x16}, its bytes give 0x{actual:x16}");
        }
    }
}
