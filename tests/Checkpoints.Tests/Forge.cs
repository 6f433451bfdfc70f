using System.Buffers.Binary;
using System.IO.Hashing;
using PageEngine.Checkpoints.Format;
using PageEngine.Checkpoints.Reading;

namespace PageEngine.Checkpoints.Tests;

// Owns: a checkpoint taken apart and put together again with right checksums, whatever was changed: what an attacker would do,
// and what lets a test reach the checks behind the checksums.

/// <summary>One section.</summary>
internal sealed record ForgedSection(SectionName Name, byte[] Payload, bool Optional = false, ushort Version = 1);

/// <summary>The sections of a checkpoint.</summary>
internal sealed class Forge(IEnumerable<ForgedSection> sections)
{
    internal List<ForgedSection> Sections { get; } = [.. sections];

    internal static Forge Parse(ReadOnlySpan<byte> bytes)
    {
        var sections = new List<ForgedSection>();
        for (int at = CheckpointFormat.FileHeaderBytes; at < bytes.Length;)
        {
            SectionHeader header = SectionHeader.Read(bytes[at..], at);
            sections.Add(new ForgedSection(header.Name, bytes.Slice((int)header.PayloadAt(at), (int)header.PayloadBytes).ToArray(), header.IsOptional, header.Version));
            at += (int)header.TotalBytes;
        }

        return new Forge(sections);
    }

    internal int IndexOf(SectionName name) => Sections.FindIndex(s => s.Name == name);

    internal Forge Change(SectionName name, Action<byte[]> change)
    {
        change(Sections[IndexOf(name)].Payload);
        return this;
    }

    /// <summary>Puts it together.</summary>
    /// <param name="repair">Whether offsets in index and end are made right; false: they are as they were changed.</param>
    internal byte[] ToBytes(bool repair = true)
    {
        var bytes = new List<byte>();
        byte[] fileHeader = new byte[CheckpointFormat.FileHeaderBytes];
        FileHeader.Write(fileHeader);
        bytes.AddRange(fileHeader);
        var digest = new XxHash128();
        digest.Append(fileHeader);
        var chunks = new List<long>();
        long indexAt = 0;
        byte[] head = new byte[CheckpointFormat.SectionHeaderBytes];
        foreach (ForgedSection section in Sections)
        {
            byte[] payload = section.Payload;
            int padding = 0;
            if (section is { Optional: false, Version: 1 } && section.Name == SectionName.Memory)
            {
                chunks.Add(bytes.Count);
                padding = PaddingOf(payload, bytes.Count);
            }
            else if (section.Name == SectionName.Index)
            {
                indexAt = bytes.Count;
                for (int i = 0; repair && i < chunks.Count && 24 + (8 * i) <= payload.Length - 8; i++)
                {
                    BinaryPrimitives.WriteInt64LittleEndian(payload.AsSpan(16 + (8 * i)), chunks[i]);
                }
            }
            else if (section.Name == SectionName.End && repair && payload.Length == EndSection.PayloadBytes)
            {
                BinaryPrimitives.WriteInt64LittleEndian(payload, Sections.Count);
                BinaryPrimitives.WriteInt64LittleEndian(payload.AsSpan(8), bytes.Count + EndSection.TotalBytes);
                BinaryPrimitives.WriteInt64LittleEndian(payload.AsSpan(16), indexAt);
                BinaryPrimitives.WriteUInt128LittleEndian(payload.AsSpan(48), BinaryPrimitives.ReadUInt128BigEndian(digest.GetCurrentHash()));
            }

            var header = new SectionHeader(section.Name, section.Version, section.Optional, padding, payload.Length, XxHash3.HashToUInt64(payload));
            header.Write(head, bytes.Count);
            digest.Append(head);
            bytes.AddRange(head);
            bytes.AddRange(new byte[padding]);
            bytes.AddRange(payload);
            bytes.AddRange(new byte[header.TailBytes]);
        }

        return [.. bytes];
    }

    private static int PaddingOf(byte[] payload, long offset)
    {
        if (payload.Length < MemoryChunk.HeadBytes)
        {
            return 0;
        }

        int runs = BinaryPrimitives.ReadInt32LittleEndian(payload.AsSpan(8));
        int pages = BinaryPrimitives.ReadInt32LittleEndian(payload.AsSpan(12));
        int compression = BinaryPrimitives.ReadInt32LittleEndian(payload.AsSpan(4));
        return runs is < 0 or > CheckpointFormat.MaxChunkRuns ? 0
            : new MemoryChunk(0, (CheckpointCompression)compression, runs, pages, 0).PaddingAt(offset);
    }
}

/// <summary>A checkpoint in an array, read as a file is.</summary>
internal sealed class ArraySource(byte[] bytes) : CheckpointSource
{
    internal override long? Length => bytes.Length;

    internal override string FileName => "array";

    internal override int ReadSome(long offset, Span<byte> target)
    {
        int length = (int)Math.Clamp(bytes.Length - offset, 0, target.Length);
        bytes.AsSpan((int)Math.Min(offset, bytes.Length), length).CopyTo(target);
        return length;
    }

    public override void Dispose()
    {
    }
}
