using System.Buffers.Binary;
using PageEngine.EmbeddedGuest.Operations;

namespace PageEngine.EmbeddedGuest.Fencing;

// Owns: what goes over the wire between a guest's host and a guard, little-endian, sizes fixed.
// Request, 64 bytes: magic uint32, kind uint32, guest 16 bytes, epoch, number, content, zero, checksum of the 56 before.
// Answer, 32 bytes: magic uint32, kind uint32, value, zero, checksum of the 24 before.

internal enum GuardRequestKind
{
    Raise = 1,
    Effect = 2,
}

internal enum GuardAnswerKind
{
    /// <summary>Done now, and in the log.</summary>
    Accepted = 1,

    /// <summary>It was the last one done, or the epoch was as high already: nothing was done again.</summary>
    Already = 2,

    /// <summary>A newer owner exists. The value is the highest epoch.</summary>
    RefusedEpoch = 3,

    /// <summary>It does not follow the last effect. The value is the last number.</summary>
    Gap = 4,
}

internal readonly record struct GuardRequest(GuardRequestKind Kind, Guid Guest, ulong Epoch, ulong Number, ulong Content);

internal readonly record struct GuardAnswer(GuardAnswerKind Kind, ulong Value);

internal static class GuardFrames
{
    internal const int RequestBytes = 64;
    internal const int AnswerBytes = 32;

    private const uint RequestMagic = 0x51524750;
    private const uint AnswerMagic = 0x41524750;

    internal static void Write(in GuardRequest request, Span<byte> frame)
    {
        frame[..RequestBytes].Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(frame, RequestMagic);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[4..], (uint)request.Kind);
        request.Guest.TryWriteBytes(frame[8..], bigEndian: true, out _);
        BinaryPrimitives.WriteUInt64LittleEndian(frame[24..], request.Epoch);
        BinaryPrimitives.WriteUInt64LittleEndian(frame[32..], request.Number);
        BinaryPrimitives.WriteUInt64LittleEndian(frame[40..], request.Content);
        BinaryPrimitives.WriteUInt64LittleEndian(frame[56..], Checksum(frame[..56]));
    }

    internal static bool TryRead(ReadOnlySpan<byte> frame, out GuardRequest request)
    {
        request = new GuardRequest(
            (GuardRequestKind)BinaryPrimitives.ReadUInt32LittleEndian(frame[4..]),
            new Guid(frame[8..24], bigEndian: true),
            BinaryPrimitives.ReadUInt64LittleEndian(frame[24..]),
            BinaryPrimitives.ReadUInt64LittleEndian(frame[32..]),
            BinaryPrimitives.ReadUInt64LittleEndian(frame[40..]));
        return BinaryPrimitives.ReadUInt32LittleEndian(frame) == RequestMagic
            && request.Kind is GuardRequestKind.Raise or GuardRequestKind.Effect
            && BinaryPrimitives.ReadUInt64LittleEndian(frame[56..]) == Checksum(frame[..56]);
    }

    internal static void Write(in GuardAnswer answer, Span<byte> frame)
    {
        frame[..AnswerBytes].Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(frame, AnswerMagic);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[4..], (uint)answer.Kind);
        BinaryPrimitives.WriteUInt64LittleEndian(frame[8..], answer.Value);
        BinaryPrimitives.WriteUInt64LittleEndian(frame[24..], Checksum(frame[..24]));
    }

    internal static bool TryRead(ReadOnlySpan<byte> frame, out GuardAnswer answer)
    {
        answer = new GuardAnswer((GuardAnswerKind)BinaryPrimitives.ReadUInt32LittleEndian(frame[4..]), BinaryPrimitives.ReadUInt64LittleEndian(frame[8..]));
        return BinaryPrimitives.ReadUInt32LittleEndian(frame) == AnswerMagic
            && answer.Kind is >= GuardAnswerKind.Accepted and <= GuardAnswerKind.Gap
            && BinaryPrimitives.ReadUInt64LittleEndian(frame[24..]) == Checksum(frame[..24]);
    }

    /// <summary>A checksum against damage, not against intent. Each step is a bijection of what was there before, so one
    /// changed byte always changes it.</summary>
    internal static ulong Checksum(ReadOnlySpan<byte> bytes)
    {
        ulong sum = (ulong)bytes.Length + Mixer.Golden;
        foreach (byte value in bytes)
        {
            sum = Mixer.Mix(sum ^ value);
        }

        return sum;
    }
}
