using System.Buffers.Binary;
using System.Runtime.InteropServices;
using PageEngine.Reporting;

namespace PageEngine.Transport.Control;

// Owns: the messages beside the switchover: failure, liveness, verification, goodbye.

/// <summary>Either direction: this side failed or refuses; the migration ends. Both reports then name the same cause.</summary>
internal sealed record FailureMessage(MigrationErrorKind Kind, MigrationPhase Phase, DetectedBy DetectedBy, string Text)
{
    internal const int MaxTextBytes = 2048;

    /// <summary>The most causes beneath the failure, and the most bytes of each.</summary>
    internal const int MaxCauses = 3;
    internal const int MaxCauseBytes = 512;

    internal IReadOnlyList<string> Causes { get; init; } = [];

    internal void Write(PayloadWriter writer)
    {
        int causes = Math.Min(Causes.Count, MaxCauses);
        writer.UInt16((ushort)Kind).Byte((byte)Phase).Byte((byte)DetectedBy).Text(Text, MaxTextBytes).Byte((byte)causes);
        for (int i = 0; i < causes; i++)
        {
            writer.Text(Causes[i], MaxCauseBytes);
        }
    }

    internal static FailureMessage Read(ReadOnlySpan<byte> payload)
    {
        var reader = new PayloadReader(payload, ControlKind.Failure);
        ushort kind = reader.UInt16();
        byte phase = reader.Byte();
        byte by = reader.Byte();
        string text = reader.Text(MaxTextBytes);
        byte causes = reader.Byte();
        if (causes > MaxCauses)
        {
            throw reader.Wrong("more causes than there may be");
        }

        string[] chain = new string[causes];
        for (int i = 0; i < chain.Length; i++)
        {
            chain[i] = reader.Text(MaxCauseBytes);
        }

        reader.End();
        return Enum.IsDefined((MigrationErrorKind)kind) && kind != 0 && Enum.IsDefined((MigrationPhase)phase) && Enum.IsDefined((DetectedBy)by)
            ? new FailureMessage((MigrationErrorKind)kind, (MigrationPhase)phase, (DetectedBy)by, text) { Causes = chain }
            : throw reader.Wrong("an unknown failure code");
    }

    internal static FailureMessage From(MigrationException exception) =>
        new(exception.Kind, exception.Phase, exception.DetectedBy, exception.Message) { Causes = exception.Causes };

    internal MigrationException ToException() =>
        new(Kind, Text) { Phase = Phase, DetectedBy = DetectedBy, FromPeer = true, ReportedCauses = Causes };
}

/// <summary>Either direction: a sign of life, sent back as Pong with the same number.</summary>
internal readonly record struct PingMessage(ulong Stamp)
{
    internal void Write(PayloadWriter writer) => writer.UInt64(Stamp);

    internal static PingMessage Read(ReadOnlySpan<byte> payload, ControlKind kind)
    {
        var reader = new PayloadReader(payload, kind);
        var message = new PingMessage(reader.UInt64());
        reader.End();
        return message;
    }
}

/// <summary>Destination to source, in chunks: the hash of each page as it was applied.</summary>
internal static class HashesMessage
{
    internal const int MaxHashes = ControlFrameCodec.MaxChunkBytes / sizeof(ulong);

    internal static void Write(PayloadWriter writer, long firstPage, ReadOnlySpan<ulong> hashes)
    {
        writer.Count(firstPage);
        Span<byte> one = stackalloc byte[sizeof(ulong)];
        if (BitConverter.IsLittleEndian)
        {
            writer.Raw(MemoryMarshal.AsBytes(hashes));
            return;
        }

        foreach (ulong hash in hashes)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(one, hash);
            writer.Raw(one);
        }
    }

    internal static long Read(ReadOnlySpan<byte> payload, long pageCount, out int count, out ReadOnlySpan<byte> hashes)
    {
        var reader = new PayloadReader(payload, ControlKind.Hashes);
        long first = reader.Count(pageCount);
        hashes = reader.Rest();
        count = hashes.Length / sizeof(ulong);
        return hashes.Length % sizeof(ulong) == 0 && count <= MaxHashes && count <= pageCount - first
            ? first
            : throw reader.Wrong("hashes of pages that do not exist");
    }

    internal static ulong At(ReadOnlySpan<byte> hashes, int index) =>
        BinaryPrimitives.ReadUInt64LittleEndian(hashes[(index * sizeof(ulong))..]);
}

/// <summary>Either direction, last: what only the sender knows and both reports show.</summary>
internal sealed record GoodbyeMessage(TimeSpan Cpu, MemoryVerification? Memory)
{
    internal void Write(PayloadWriter writer)
    {
        writer.Duration(Cpu).Byte(Memory is null ? (byte)0 : (byte)1);
        if (Memory is not null)
        {
            writer.Count(Memory.PagesCompared).Count(Memory.PagesDifferent).UInt64(unchecked((ulong)Memory.FirstDifferentPage));
        }
    }

    internal static GoodbyeMessage Read(ReadOnlySpan<byte> payload)
    {
        var reader = new PayloadReader(payload, ControlKind.Goodbye);
        TimeSpan cpu = reader.Duration();
        MemoryVerification? memory = reader.Byte() == 0
            ? null
            : new MemoryVerification(reader.Count(long.MaxValue), reader.Count(long.MaxValue), unchecked((long)reader.UInt64()));
        reader.End();
        return new GoodbyeMessage(cpu, memory);
    }
}
