using System.Buffers.Binary;
using System.IO.Hashing;

namespace PageEngine.Ownership;

// Owns: the bytes of an epoch file and of a nonce file. Little endian, fixed length. The checksum is a CRC, which
// finds every change of up to 64 neighbouring bits with certainty. Table: docs/switchover.md.

/// <summary>Turns records into bytes and back.</summary>
internal static class OwnershipRecordCodec
{
    /// <summary>The length of an epoch file, in bytes.</summary>
    public const int RecordBytes = 96;

    /// <summary>The length of a nonce file, in bytes.</summary>
    public const int NonceBytes = 48;

    private const uint FormatVersion = 1;
    private const int ChecksumBytes = 8;

    private static ReadOnlySpan<byte> RecordMagic => "PGEEPOCH"u8;

    private static ReadOnlySpan<byte> NonceMagic => "PGENONCE"u8;

    /// <summary>Writes a record.</summary>
    /// <param name="record">The record.</param>
    /// <param name="token">128 random bits of this one file: they tell who wrote it.</param>
    /// <param name="target">Exactly <see cref="RecordBytes"/>.</param>
    public static void Write(OwnershipRecord record, Guid token, Span<byte> target)
    {
        Begin(RecordMagic, target[..RecordBytes]);
        record.GuestId.TryWriteBytes(target[16..]);
        BinaryPrimitives.WriteUInt64LittleEndian(target[32..], record.Epoch);
        record.Holder.Value.TryWriteBytes(target[40..]);
        record.Attempt.Value.TryWriteBytes(target[56..]);
        token.TryWriteBytes(target[72..]);
        Seal(target[..RecordBytes]);
    }

    /// <summary>Reads a record.</summary>
    /// <returns>Null when it is right, else what is wrong with it.</returns>
    public static string? TryRead(ReadOnlySpan<byte> source, out OwnershipRecord? record, out Guid token)
    {
        record = null;
        token = default;
        if (Check(RecordMagic, RecordBytes, source) is { } wrong)
        {
            return wrong;
        }

        ulong epoch = BinaryPrimitives.ReadUInt64LittleEndian(source[32..]);
        if (epoch == 0)
        {
            return "its epoch is zero";
        }

        token = new Guid(source.Slice(72, 16));
        record = new OwnershipRecord(
            new Guid(source.Slice(16, 16)),
            epoch,
            new RunId(new Guid(source.Slice(40, 16))),
            new AttemptId(new Guid(source.Slice(56, 16))));
        return null;
    }

    /// <summary>Writes a nonce.</summary>
    public static void WriteNonce(Guid nonce, Span<byte> target)
    {
        Begin(NonceMagic, target[..NonceBytes]);
        nonce.TryWriteBytes(target[16..]);
        target[32..40].Clear();
        Seal(target[..NonceBytes]);
    }

    /// <summary>Reads a nonce.</summary>
    /// <returns>Null when it is right, else what is wrong with it.</returns>
    public static string? TryReadNonce(ReadOnlySpan<byte> source, out Guid nonce)
    {
        string? wrong = Check(NonceMagic, NonceBytes, source);
        nonce = wrong is null ? new Guid(source.Slice(16, 16)) : default;
        return wrong;
    }

    private static void Begin(ReadOnlySpan<byte> magic, Span<byte> target)
    {
        magic.CopyTo(target);
        BinaryPrimitives.WriteUInt32LittleEndian(target[8..], FormatVersion);
        BinaryPrimitives.WriteInt32LittleEndian(target[12..], target.Length);
    }

    private static void Seal(Span<byte> target) =>
        BinaryPrimitives.WriteUInt64LittleEndian(target[^ChecksumBytes..], Crc64.HashToUInt64(target[..^ChecksumBytes]));

    private static string? Check(ReadOnlySpan<byte> magic, int length, ReadOnlySpan<byte> source)
    {
        if (source.Length < 16 || !source.StartsWith(magic))
        {
            return $"it is {source.Length} bytes that do not begin as it should";
        }

        uint version = BinaryPrimitives.ReadUInt32LittleEndian(source[8..]);
        if (version != FormatVersion)
        {
            return $"its format version is {version}, and this program knows {FormatVersion}";
        }

        if (source.Length != length || BinaryPrimitives.ReadInt32LittleEndian(source[12..]) != length)
        {
            return $"it is {source.Length} bytes long and should be {length}";
        }

        return BinaryPrimitives.ReadUInt64LittleEndian(source[^ChecksumBytes..]) == Crc64.HashToUInt64(source[..^ChecksumBytes])
            ? null
            : "its checksum is wrong";
    }
}
