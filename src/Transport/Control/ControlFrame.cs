using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;

namespace PageEngine.Transport.Control;

// Owns: the frame of the control channel: header, limits, checksum. Pure.
//
// Header, 24 bytes, little endian:
//   0  u32 magic "PEC1"
//   4  u16 kind (zero is not valid)
//   6  u16 reserved, 0
//   8  u32 payload bytes
//  12  u32 sequence number in this direction, from 1: a lost, repeated or reordered frame is recognised
//  16  u64 XXH3 of the payload, seeded with the XXH3 of the first 16 bytes

/// <summary>What a frame says. A code is never reused; the limit of each payload is in <see cref="ControlFrameCodec.MaxPayloadBytes"/>.</summary>
internal enum ControlKind : ushort
{
    None = 0,
    Hello = 1,
    Welcome = 2,
    Ready = 3,
    Failure = 4,
    RoundApplied = 5,
    PauseNotice = 6,
    DeviceState = 7,
    Prepare = 8,
    Prepared = 9,
    Commit = 10,
    Running = 11,
    HandedBack = 12,
    Ping = 13,
    Pong = 14,
    HashesRequest = 15,
    Hashes = 16,
    Goodbye = 17,

    // Only on a connection that leads a measurement.
    LinkBegin = 32,
    LinkCase = 33,
    LinkStreams = 34,
    LinkResult = 35,
}

/// <summary>Encodes and decodes frames.</summary>
internal static class ControlFrameCodec
{
    internal const uint Magic = 0x31434550; // "PEC1"
    internal const int HeaderBytes = 24;

    /// <summary>The most bytes of device state or hashes in one frame.</summary>
    internal const int MaxChunkBytes = 256 * 1024;

    /// <summary>Gets the most payload bytes of a kind; -1 for a code that is not known.</summary>
    internal static int MaxPayloadBytes(ControlKind kind) => kind switch
    {
        ControlKind.Hello => 96 * 1024,
        ControlKind.Welcome => 4096,
        ControlKind.Failure or ControlKind.Goodbye => 4096,
        ControlKind.DeviceState or ControlKind.Hashes => MaxChunkBytes + 64,
        ControlKind.Prepare => 8192,
        ControlKind.LinkBegin or ControlKind.LinkCase or ControlKind.LinkResult => 256,
        ControlKind.LinkStreams => 4096,
        ControlKind.Ready or ControlKind.RoundApplied or ControlKind.PauseNotice or ControlKind.Prepared or ControlKind.Commit
            or ControlKind.Running or ControlKind.Ping or ControlKind.Pong or ControlKind.HashesRequest or ControlKind.HandedBack => 256,
        _ => -1,
    };

    /// <summary>Writes a header for a payload that follows.</summary>
    internal static void WriteHeader(Span<byte> header, ControlKind kind, uint sequence, ReadOnlySpan<byte> payload)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(header, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], (ushort)kind);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], 0);
        BinaryPrimitives.WriteInt32LittleEndian(header[8..], payload.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(header[12..], sequence);
        BinaryPrimitives.WriteUInt64LittleEndian(header[16..], Checksum(header[..16], payload));
    }

    /// <summary>Reads a header, and checks everything that can be checked before the payload is read or allocated.</summary>
    /// <exception cref="MigrationException">It breaks the protocol.</exception>
    internal static (ControlKind Kind, int PayloadBytes) ReadHeader(ReadOnlySpan<byte> header, uint expectedSequence)
    {
        if (BinaryPrimitives.ReadUInt32LittleEndian(header) != Magic)
        {
            throw Violation("a frame does not begin with the protocol's mark; the peer may be another program");
        }

        ushort code = BinaryPrimitives.ReadUInt16LittleEndian(header[4..]);
        int limit = MaxPayloadBytes((ControlKind)code);
        if (limit < 0)
        {
            throw Violation($"a frame has the unknown kind {code}");
        }

        uint length = BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
        if (length > (uint)limit)
        {
            throw Violation($"a {(ControlKind)code} frame announces {length} bytes; at most {limit} are allowed");
        }

        uint sequence = BinaryPrimitives.ReadUInt32LittleEndian(header[12..]);
        if (sequence != expectedSequence)
        {
            throw Violation($"frame {expectedSequence} was expected and frame {sequence} came");
        }

        return BinaryPrimitives.ReadUInt16LittleEndian(header[6..]) == 0
            ? ((ControlKind)code, (int)length)
            : throw Violation("a reserved field is not zero");
    }

    /// <summary>Checks the checksum once the payload is here.</summary>
    internal static void Verify(ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload)
    {
        if (BinaryPrimitives.ReadUInt64LittleEndian(header[16..]) != Checksum(header[..16], payload))
        {
            throw Violation("a frame's checksum does not match");
        }
    }

    internal static MigrationException Violation(string what) =>
        new(MigrationErrorKind.ProtocolViolation, $"The peer broke the protocol: {what}. The migration ends; nothing it sent was used.");

    private static ulong Checksum(ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> payload) =>
        XxHash3.HashToUInt64(payload, unchecked((long)XxHash3.HashToUInt64(prefix)));
}
