using System.Text;

namespace PageEngine.Checkpoints.Format;

// Owns: the section "parent": whose pages are meant where this checkpoint says nothing.

/// <param name="Digest">The parent's digest over all: what makes it that very file.</param>
/// <param name="FileBytes">The parent's length.</param>
/// <param name="FileName">The name that the parent had, without a directory; a hint only.</param>
internal sealed record ParentSection(CheckpointDigest Digest, long FileBytes, string FileName)
{
    internal const int MaxNameBytes = 1024;

    internal ReadOnlyMemory<byte> Encode()
    {
        byte[] name = Encoding.UTF8.GetBytes(FileName);
        name = name.Length > MaxNameBytes ? [] : name;
        return new PayloadWriter().Digest(Digest).Int64(FileBytes).UInt32((uint)name.Length).UInt32(0).Bytes(name).Written;
    }

    internal static ParentSection Decode(ReadOnlySpan<byte> payload, long offset)
    {
        var reader = new PayloadReader(payload, SectionName.Parent, offset);
        CheckpointDigest digest = reader.Digest();
        long bytes = reader.Int64();
        uint nameBytes = reader.UInt32();
        if (nameBytes > MaxNameBytes || bytes <= 0 || reader.UInt32() != 0)
        {
            throw reader.Bad("lengths are outside their limits");
        }

        string name = Encoding.UTF8.GetString(reader.Take((int)nameBytes));
        reader.End();

        // A hint from a file is looked for beside that file, nowhere else.
        bool plain = !name.Contains('/', StringComparison.Ordinal) && name is not ("." or "..") && !name.Any(char.IsControl);
        return plain ? new ParentSection(digest, bytes, name) : throw reader.Bad("the parent's name is no name of a file");
    }
}
