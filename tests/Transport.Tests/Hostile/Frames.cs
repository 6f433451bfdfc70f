using System.Buffers.Binary;
using System.IO.Hashing;
using PageEngine.Streaming;
using PageEngine.Transport.Control;

namespace PageEngine.Transport.Tests.Hostile;

// Owns: where a frame ends, what a mutation does to one, and how its lengths and checksums are made to fit again.

/// <summary>What travels on a connection, piece by piece.</summary>
internal enum FrameFormat
{
    Preamble,
    Control,
    Batch,
}

/// <summary>Knows both framings as far as their lengths and seals go.</summary>
internal static class Frames
{
    /// <summary>Gets how many bytes the first frame has; 0 while that is not known yet.</summary>
    internal static int LengthOf(FrameFormat format, ReadOnlySpan<byte> bytes)
    {
        switch (format)
        {
            case FrameFormat.Preamble:
                return bytes.Length < ConnectionPreamble.Bytes ? 0 : ConnectionPreamble.Bytes;
            case FrameFormat.Control:
                int control = bytes.Length < 12 ? 0 : ControlFrameCodec.HeaderBytes + BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]);
                return bytes.Length < control ? 0 : control;
            default:
                if (bytes.Length < PageBatchHeader.Bytes)
                {
                    return 0;
                }

                PageBatchHeader header = PageBatchHeader.Read(bytes);
                int batch = PageBatchHeader.Bytes + header.TableBytes + (header.Kind == PageBatchKind.Data ? (int)header.PayloadBytes : 0);
                return bytes.Length < batch ? 0 : batch;
        }
    }

    /// <summary>Makes the lengths, numbers and seals of a frame fit its bytes, as a peer that means harm would.</summary>
    internal static void Reseal(FrameFormat format, Span<byte> frame, uint sequence)
    {
        switch (format)
        {
            case FrameFormat.Preamble when frame.Length >= ConnectionPreamble.Bytes:
                BinaryPrimitives.WriteUInt64LittleEndian(frame[32..], XxHash3.HashToUInt64(frame[..32]));
                break;
            case FrameFormat.Control when frame.Length >= ControlFrameCodec.HeaderBytes:
                BinaryPrimitives.WriteUInt32LittleEndian(frame, ControlFrameCodec.Magic);
                BinaryPrimitives.WriteUInt16LittleEndian(frame[6..], 0);
                BinaryPrimitives.WriteInt32LittleEndian(frame[8..], frame.Length - ControlFrameCodec.HeaderBytes);
                BinaryPrimitives.WriteUInt32LittleEndian(frame[12..], sequence);
                BinaryPrimitives.WriteUInt64LittleEndian(
                    frame[16..], XxHash3.HashToUInt64(frame[ControlFrameCodec.HeaderBytes..], unchecked((long)XxHash3.HashToUInt64(frame[..16]))));
                break;
            case FrameFormat.Batch when frame.Length >= PageBatchHeader.Bytes:
                int runs = BinaryPrimitives.ReadUInt16LittleEndian(frame[14..]);
                int head = Math.Min(frame.Length, PageBatchHeader.Bytes + (runs * PageRun.Bytes));
                BinaryPrimitives.WriteUInt64LittleEndian(frame[48..], 0);
                BinaryPrimitives.WriteUInt64LittleEndian(frame[48..], XxHash3.HashToUInt64(frame[..head]));
                break;
        }
    }
}

/// <summary>Damages frames. The same random numbers give the same damage.</summary>
internal sealed class FrameMutator(Random random)
{
    private static readonly ulong[] _edges =
    [
        0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0xfff, 0x1000, 0x1001, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
        0x1_0000_0000, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, ulong.MaxValue, ulong.MaxValue - 1, (1UL << 40) - 1, 1UL << 52,
    ];

    /// <summary>Gives a damaged copy; half of them fit together again.</summary>
    internal byte[] Mutate(FrameFormat format, byte[] frame, uint sequence)
    {
        byte[] bytes = [.. frame];
        for (int edits = 1 + random.Next(3); edits > 0; edits--)
        {
            bytes = Edit(format, bytes);
        }

        if (random.Next(2) == 0)
        {
            Frames.Reseal(format, bytes, sequence);
        }

        return bytes;
    }

    private byte[] Edit(FrameFormat format, byte[] bytes)
    {
        if (bytes.Length == 0)
        {
            return [(byte)random.Next(256)];
        }

        // Heads decide; the bytes of pages are anybody's.
        int reach = format == FrameFormat.Batch && bytes.Length > 256 ? 256 : bytes.Length;
        int at = random.Next(reach);
        switch (random.Next(9))
        {
            case 0 or 1:
                bytes[at] ^= (byte)(1 << random.Next(8));
                return bytes;
            case 2:
                bytes[at] = (byte)_edges[random.Next(6)];
                return bytes;
            case 3 or 4:
                return WithNumber(bytes, at);
            case 5:
                return bytes[..at];
            case 6:
                random.NextBytes(bytes.AsSpan(at, Math.Min(1 + random.Next(16), bytes.Length - at)));
                return bytes;
            case 7 when format == FrameFormat.Control && bytes.Length >= 6:
                BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(4), (ushort)random.Next(20));
                return bytes;
            default:
                byte[] more = new byte[random.Next(64)];
                random.NextBytes(more);
                return [.. bytes[..at], .. more, .. bytes[at..]];
        }
    }

    private byte[] WithNumber(byte[] bytes, int at)
    {
        Span<byte> eight = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(eight, _edges[random.Next(_edges.Length)]);
        at &= random.Next(2) == 0 ? ~1 : ~7;
        int length = Math.Min(2 << random.Next(3), bytes.Length - at);
        eight[..length].CopyTo(bytes.AsSpan(at));
        return bytes;
    }
}
