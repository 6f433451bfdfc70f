using System.Buffers.Binary;
using System.IO.Hashing;

namespace PageEngine.Transport.Control;

// Owns: the first 40 bytes of every connection, which say what it carries and to which migration it belongs. Pure.
//
// Little endian: 0 u32 magic "PEJ1", 4 u16 purpose, 6 u16 stream index, 8 u128 one-time token (zero bits on a control
// channel), 24 u64 reserved 0, 32 u64 XXH3 of the first 32 bytes.

/// <summary>What a connection is for.</summary>
internal readonly record struct ConnectionPreamble(ConnectionPurpose Purpose, int StreamIndex, Guid Token)
{
    internal const int Bytes = 40;
    internal const uint Magic = 0x314A4550; // "PEJ1"

    internal byte[] Encode()
    {
        byte[] bytes = new byte[Bytes];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(4), (ushort)Purpose);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(6), checked((ushort)StreamIndex));
        Token.TryWriteBytes(bytes.AsSpan(8));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(32), XxHash3.HashToUInt64(bytes.AsSpan(0, 32)));
        return bytes;
    }

    /// <exception cref="MigrationException">It is not a preamble of this protocol.</exception>
    internal static ConnectionPreamble Decode(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Bytes || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Magic)
        {
            throw ControlFrameCodec.Violation("a connection does not begin with the protocol's mark; the peer may be another program");
        }

        ushort purpose = BinaryPrimitives.ReadUInt16LittleEndian(bytes[4..]);
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes[32..]) == XxHash3.HashToUInt64(bytes[..32])
            && purpose is (ushort)ConnectionPurpose.Control or (ushort)ConnectionPurpose.Pages or (ushort)ConnectionPurpose.Measurement
            && BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]) == 0
            ? new ConnectionPreamble((ConnectionPurpose)purpose, BinaryPrimitives.ReadUInt16LittleEndian(bytes[6..]), new Guid(bytes.Slice(8, 16)))
            : throw ControlFrameCodec.Violation("a connection's first bytes are damaged");
    }
}
