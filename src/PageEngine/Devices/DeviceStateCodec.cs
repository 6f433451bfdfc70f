using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;

namespace PageEngine.Devices;

// Owns: device state as bytes. The same bytes travel in a switchover and stand in a checkpoint.
//
// Little endian. Header, 16 bytes: magic "PEDS", u16 format version, u16 section count, u64 total bytes.
// Section: u8 kind length, kind (ASCII), u32 instance, u16 payload version, u32 payload bytes, payload,
// u64 XXH3 of everything before it in the section. Nothing follows the last section.

/// <summary>Turns a <see cref="DeviceState"/> into bytes and back. Pure.</summary>
internal static class DeviceStateCodec
{
    internal const uint Magic = 0x53444550; // "PEDS"
    internal const ushort FormatVersion = 1;
    internal const int HeaderBytes = 16;
    internal const int MaxSections = 4096;

    /// <summary>The most bytes an encoded state may have.</summary>
    internal const int MaxEncodedBytes = 256 * 1024 * 1024;

    private const int ChecksumBytes = 8;

    internal static byte[] Encode(DeviceState state)
    {
        byte[] bytes = new byte[EncodedBytes(state)];
        Encode(state, bytes);
        return bytes;
    }

    /// <summary>Encodes a state into room that is used again; valid until then.</summary>
    internal static ReadOnlyMemory<byte> Encode(DeviceState state, ArrayBufferWriter<byte> room)
    {
        room.ResetWrittenCount();
        int total = EncodedBytes(state);
        Encode(state, room.GetSpan(total)[..total]);
        room.Advance(total);
        return room.WrittenMemory;
    }

    private static int EncodedBytes(DeviceState state)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(state.Sections.Count, MaxSections);
        long total = HeaderBytes;
        foreach (DeviceStateSection section in state.Sections)
        {
            total += SectionBytes(section);
        }

        if (total > MaxEncodedBytes)
        {
            throw new MigrationException(
                MigrationErrorKind.GuestFailed,
                $"The guest saved {total} bytes of device state; at most {MaxEncodedBytes} can be moved. Keep bulk data in guest memory.");
        }

        return (int)total;
    }

    private static void Encode(DeviceState state, Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[4..], FormatVersion);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[6..], (ushort)state.Sections.Count);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[8..], bytes.Length);
        int at = HeaderBytes;
        foreach (DeviceStateSection section in state.Sections)
        {
            Span<byte> target = bytes.Slice(at, SectionBytes(section));
            int kindBytes = Encoding.ASCII.GetBytes(section.Kind, target[1..]);
            target[0] = (byte)kindBytes;
            Span<byte> rest = target[(1 + kindBytes)..];
            BinaryPrimitives.WriteUInt32LittleEndian(rest, section.Instance);
            BinaryPrimitives.WriteUInt16LittleEndian(rest[4..], section.Version);
            BinaryPrimitives.WriteInt32LittleEndian(rest[6..], section.Payload.Length);
            section.Payload.Span.CopyTo(rest[10..]);
            BinaryPrimitives.WriteUInt64LittleEndian(target[^ChecksumBytes..], XxHash3.HashToUInt64(target[..^ChecksumBytes]));
            at += target.Length;
        }
    }

    /// <summary>Reads a state. The payloads point into <paramref name="bytes"/>.</summary>
    /// <exception cref="MigrationException">Damaged or of an unknown version; the message says where.</exception>
    internal static DeviceState Decode(ReadOnlyMemory<byte> bytes)
    {
        ReadOnlySpan<byte> span = bytes.Span;
        if (span.Length < HeaderBytes || BinaryPrimitives.ReadUInt32LittleEndian(span) != Magic)
        {
            throw Damaged("the header is missing", 0);
        }

        ushort version = BinaryPrimitives.ReadUInt16LittleEndian(span[4..]);
        if (version != FormatVersion)
        {
            throw new MigrationException(
                MigrationErrorKind.VersionMismatch,
                $"The device state has format version {version}; this host reads {FormatVersion}. Update the older host.");
        }

        int count = BinaryPrimitives.ReadUInt16LittleEndian(span[6..]);
        if (BinaryPrimitives.ReadInt64LittleEndian(span[8..]) != span.Length || count > MaxSections)
        {
            throw Damaged("the header's totals are wrong", 8);
        }

        var sections = new List<DeviceStateSection>(count);
        int at = HeaderBytes;
        for (int i = 0; i < count; i++)
        {
            sections.Add(DecodeSection(bytes, ref at));
        }

        return at == span.Length ? new DeviceState(sections) : throw Damaged("bytes follow the last section", at);
    }

    private static DeviceStateSection DecodeSection(ReadOnlyMemory<byte> bytes, ref int at)
    {
        ReadOnlySpan<byte> span = bytes.Span[at..];
        if (span.Length < 1 || span[0] is 0 or > DeviceStateSection.MaxKindBytes || span.Length < 1 + span[0] + 10 + ChecksumBytes)
        {
            throw Damaged("a section is cut off", at);
        }

        int kindBytes = span[0];
        ReadOnlySpan<byte> rest = span[(1 + kindBytes)..];
        uint instance = BinaryPrimitives.ReadUInt32LittleEndian(rest);
        ushort version = BinaryPrimitives.ReadUInt16LittleEndian(rest[4..]);
        uint payloadBytes = BinaryPrimitives.ReadUInt32LittleEndian(rest[6..]);
        if (payloadBytes > (uint)(rest.Length - 10 - ChecksumBytes))
        {
            throw Damaged("a section is longer than the state", at);
        }

        int checkedBytes = 1 + kindBytes + 10 + (int)payloadBytes;
        if (BinaryPrimitives.ReadUInt64LittleEndian(span[checkedBytes..]) != XxHash3.HashToUInt64(span[..checkedBytes]))
        {
            throw Damaged("a section's checksum does not match", at);
        }

        if (version == 0)
        {
            throw Damaged("a section has version 0", at);
        }

        var section = new DeviceStateSection(
            Encoding.ASCII.GetString(span.Slice(1, kindBytes)),
            instance,
            version,
            bytes.Slice(at + 1 + kindBytes + 10, (int)payloadBytes));
        at += checkedBytes + ChecksumBytes;
        return section;
    }

    private static int SectionBytes(DeviceStateSection section) =>
        1 + Encoding.ASCII.GetByteCount(section.Kind) + 10 + section.Payload.Length + ChecksumBytes;

    private static MigrationException Damaged(string what, int offset) =>
        new(MigrationErrorKind.DataDamaged, $"The device state is damaged: {what} (offset {offset}).");
}
