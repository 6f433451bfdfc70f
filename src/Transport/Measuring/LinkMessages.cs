using PageEngine.Memory;
using PageEngine.Transport.Control;
using PageEngine.Transport.Edges;
using PageEngine.Transport.Sealing;

namespace PageEngine.Transport.Measuring;

// Owns: the messages of a measurement. Its connections begin like a migration's, with a purpose of their own.

/// <summary>Source: what all cases need.</summary>
internal readonly record struct LinkBeginMessage(long MemoryBytes)
{
    internal const ushort Version = 1;

    internal void Write(PayloadWriter writer) => writer.UInt16(Version).Count(MemoryBytes);

    internal static LinkBeginMessage Read(ReadOnlySpan<byte> payload)
    {
        var reader = new PayloadReader(payload, ControlKind.LinkBegin);
        ushort version = reader.UInt16();
        if (version != Version)
        {
            throw new MigrationException(MigrationErrorKind.VersionMismatch, $"The other side measures by version {version}, this one by {Version}. Update the older one.");
        }

        long bytes = reader.Count(MemoryLayout.MaxPages * MemoryLayout.PageBytes);
        reader.End();
        return bytes >= MemoryLayout.PageBytes && bytes % MemoryLayout.PageBytes == 0 ? new LinkBeginMessage(bytes) : throw reader.Wrong($"a memory of {bytes} bytes");
    }
}

/// <summary>Source: one case begins.</summary>
internal readonly record struct LinkCaseMessage(int Streams)
{
    internal void Write(PayloadWriter writer) => writer.UInt16((ushort)Streams);

    internal static LinkCaseMessage Read(ReadOnlySpan<byte> payload)
    {
        var reader = new PayloadReader(payload, ControlKind.LinkCase);
        int streams = reader.UInt16();
        reader.End();
        return streams is > 0 and <= LinkCase.MaxStreams ? new LinkCaseMessage(streams) : throw reader.Wrong($"{streams} streams");
    }
}

/// <summary>Destination: page streams may come.</summary>
internal sealed record LinkStreamsMessage(Guid Token, string DataEndPoint, ReadOnlyMemory<byte> Secret)
{
    internal void Write(PayloadWriter writer) => writer.Guid(Token).Text(DataEndPoint, WelcomeMessage.MaxEndPointBytes).Bytes(Secret.Span);

    internal static LinkStreamsMessage Read(ReadOnlySpan<byte> payload)
    {
        var reader = new PayloadReader(payload, ControlKind.LinkStreams);
        var message = new LinkStreamsMessage(reader.Guid(), reader.Text(WelcomeMessage.MaxEndPointBytes), reader.Bytes(PageSeal.SecretBytes).ToArray());
        reader.End();
        return message.Secret.Length is 0 or PageSeal.SecretBytes ? message : throw reader.Wrong("a secret of an impossible length");
    }
}

/// <summary>Destination: all of the case is in its memory.</summary>
internal readonly record struct LinkResultMessage(long Bytes, TimeSpan Processor, double Idle)
{
    private const long Million = 1_000_000;

    internal void Write(PayloadWriter writer) => writer.Count(Bytes).Duration(Processor).Count((long)(Math.Clamp(Idle, 0, 1) * Million));

    internal static LinkResultMessage Read(ReadOnlySpan<byte> payload)
    {
        var reader = new PayloadReader(payload, ControlKind.LinkResult);
        var message = new LinkResultMessage(reader.Count(long.MaxValue), reader.Duration(), (double)reader.Count(Million) / Million);
        reader.End();
        return message;
    }
}
