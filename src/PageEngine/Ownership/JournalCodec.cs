using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using PageEngine.Switchover;

namespace PageEngine.Ownership;

// Owns: the bytes of a journal: one block of header, one block of fixed-length entries. Little endian. Every entry's
// checksum starts from the header's, so an entry of another journal is never taken for one of this. Table: docs/switchover.md.

internal static class JournalCodec
{
    /// <summary>The bytes of the header block.</summary>
    public const int HeaderBytes = 4096;

    /// <summary>The bytes of one entry.</summary>
    public const int EntryBytes = 64;

    /// <summary>The most entries; each kind is written once for an epoch, so this is never reached in practice.</summary>
    public const int MaxEntries = 64;

    /// <summary>The bytes of a whole journal, from its creation on: an append changes no length and moves no block.</summary>
    public const int FileBytes = HeaderBytes + (MaxEntries * EntryBytes);

    private const uint FormatVersion = 1;
    private const int StringsAt = 112;

    private static ReadOnlySpan<byte> Magic => "PGEJRNL1"u8;

    /// <summary>Writes the header block.</summary>
    /// <returns>The seed of the entries' checksums.</returns>
    public static ulong WriteHeader(JournalHeader header, Span<byte> block)
    {
        block = block[..HeaderBytes];
        block.Clear();
        Magic.CopyTo(block);
        BinaryPrimitives.WriteUInt32LittleEndian(block[8..], FormatVersion);
        block[12] = (byte)header.Side;
        header.Attempt.GuestId.TryWriteBytes(block[16..]);
        header.Attempt.Attempt.Value.TryWriteBytes(block[32..]);
        header.Attempt.SourceRun.Value.TryWriteBytes(block[48..]);
        header.Attempt.DestinationRun.Value.TryWriteBytes(block[64..]);
        BinaryPrimitives.WriteUInt64LittleEndian(block[80..], header.Attempt.BaseEpoch);
        BinaryPrimitives.WriteUInt64LittleEndian(block[88..], header.MigrationId);
        int store = WriteString(header.Store, JournalHeader.MaxStoreBytes, block[StringsAt..], nameof(header.Store));
        int peer = WriteString(header.Peer, JournalHeader.MaxPeerBytes, block[(StringsAt + store)..], nameof(header.Peer));
        BinaryPrimitives.WriteInt32LittleEndian(block[96..], store);
        BinaryPrimitives.WriteInt32LittleEndian(block[100..], peer);
        ulong seed = Crc64.HashToUInt64(block[..^8]);
        BinaryPrimitives.WriteUInt64LittleEndian(block[^8..], seed);
        return seed;
    }

    /// <summary>Writes one entry.</summary>
    public static void WriteEntry(JournalEntry entry, int index, ulong seed, Span<byte> target)
    {
        target = target[..EntryBytes];
        target.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(target, seed);
        BinaryPrimitives.WriteInt32LittleEndian(target[8..], index + 1);
        BinaryPrimitives.WriteUInt16LittleEndian(target[12..], (ushort)entry.Kind);
        BinaryPrimitives.WriteUInt64LittleEndian(target[16..], entry.Epoch);
        BinaryPrimitives.WriteInt64LittleEndian(target[24..], entry.At.ToUnixTimeMilliseconds());
        BinaryPrimitives.WriteUInt64LittleEndian(target[^8..], Crc64.HashToUInt64(target[..^8]));
    }

    /// <summary>Reads a whole journal.</summary>
    /// <returns>Null when it is right, else what is wrong with it.</returns>
    public static string? TryRead(ReadOnlySpan<byte> file, out JournalState? state, out ulong seed)
    {
        state = null;
        seed = 0;
        if (file.Length != FileBytes)
        {
            return $"it is {file.Length} bytes long and should be {FileBytes}";
        }

        if (TryReadHeader(file[..HeaderBytes], out JournalHeader? header, out seed) is { } wrong)
        {
            return wrong;
        }

        var entries = new List<JournalEntry>();
        ReadOnlySpan<byte> rest = file[HeaderBytes..];
        while (rest.Length > 0 && TryReadEntry(rest[..EntryBytes], entries.Count, seed, out JournalEntry entry))
        {
            entries.Add(entry);
            rest = rest[EntryBytes..];
        }

        bool torn = rest.Length > 0 && rest[..EntryBytes].ContainsAnyExcept((byte)0);
        if (rest.Length > EntryBytes && rest[EntryBytes..].ContainsAnyExcept((byte)0))
        {
            return $"entry {entries.Count + 1} is not right, and something follows it";
        }

        state = new JournalState(header!, entries, torn);
        return null;
    }

    private static string? TryReadHeader(ReadOnlySpan<byte> block, out JournalHeader? header, out ulong seed)
    {
        header = null;
        seed = BinaryPrimitives.ReadUInt64LittleEndian(block[^8..]);
        if (!block.StartsWith(Magic))
        {
            return "it does not begin as a journal should";
        }

        uint version = BinaryPrimitives.ReadUInt32LittleEndian(block[8..]);
        if (version != FormatVersion)
        {
            return $"its format version is {version}, and this program knows {FormatVersion}";
        }

        if (Crc64.HashToUInt64(block[..^8]) != seed)
        {
            return "the checksum of its header is wrong";
        }

        var side = (JournalSide)block[12];
        int store = BinaryPrimitives.ReadInt32LittleEndian(block[96..]);
        int peer = BinaryPrimitives.ReadInt32LittleEndian(block[100..]);
        ulong epoch = BinaryPrimitives.ReadUInt64LittleEndian(block[80..]);
        if (side is not (JournalSide.Source or JournalSide.Destination)
            || store is < 0 or > JournalHeader.MaxStoreBytes || peer is < 0 or > JournalHeader.MaxPeerBytes
            || epoch > ulong.MaxValue - 2)
        {
            return "its header holds values that no version writes";
        }

        var attempt = new SwitchoverAttempt(
            new Guid(block.Slice(16, 16)),
            epoch,
            new RunId(new Guid(block.Slice(48, 16))),
            new RunId(new Guid(block.Slice(64, 16))),
            new AttemptId(new Guid(block.Slice(32, 16))));
        header = new JournalHeader(
            side,
            attempt,
            BinaryPrimitives.ReadUInt64LittleEndian(block[88..]),
            Encoding.UTF8.GetString(block.Slice(StringsAt, store)),
            Encoding.UTF8.GetString(block.Slice(StringsAt + store, peer)));
        return null;
    }

    private static bool TryReadEntry(ReadOnlySpan<byte> source, int index, ulong seed, out JournalEntry entry)
    {
        var kind = (JournalEntryKind)BinaryPrimitives.ReadUInt16LittleEndian(source[12..]);
        long at = BinaryPrimitives.ReadInt64LittleEndian(source[24..]);
        bool right = BinaryPrimitives.ReadUInt64LittleEndian(source) == seed
            && BinaryPrimitives.ReadInt32LittleEndian(source[8..]) == index + 1
            && kind is >= JournalEntryKind.MayBePrepared and <= JournalEntryKind.OperatorReleased
            && BinaryPrimitives.ReadUInt64LittleEndian(source[^8..]) == Crc64.HashToUInt64(source[..^8])
            && at >= DateTimeOffset.MinValue.ToUnixTimeMilliseconds() && at <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();
        entry = right
            ? new JournalEntry(kind, BinaryPrimitives.ReadUInt64LittleEndian(source[16..]), DateTimeOffset.FromUnixTimeMilliseconds(at))
            : default;
        return right;
    }

    private static int WriteString(string text, int limit, Span<byte> target, string name)
    {
        int length = Encoding.UTF8.GetByteCount(text);
        return length <= limit
            ? Encoding.UTF8.GetBytes(text, target)
            : throw new ArgumentException($"It is {length} bytes long; a journal keeps at most {limit}.", name);
    }
}
