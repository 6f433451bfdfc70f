using System.Buffers.Binary;
using System.IO.Hashing;

namespace PageEngine.Checkpoints.Format;

// Owns: the 48 bytes before every payload. Their own checksum is seeded with the section's offset: a section that was moved,
// doubled or swapped does not match where it stands.

/// <summary>The header of a section.</summary>
/// <param name="Name">What the section is.</param>
/// <param name="Version">The version of its payload's format; zero is not valid.</param>
/// <param name="IsOptional">Whether a reader that does not know the name or the version may skip it.</param>
/// <param name="PaddingBytes">How many zero bytes stand between this header and the payload.</param>
/// <param name="PayloadBytes">The payload's length.</param>
/// <param name="PayloadHash">The XXH3-64 of the payload.</param>
internal readonly record struct SectionHeader(SectionName Name, ushort Version, bool IsOptional, int PaddingBytes, long PayloadBytes, ulong PayloadHash)
{
    private const int HashedBytes = 40;

    /// <summary>Gets the bytes from the section's first to the next one's first.</summary>
    internal long TotalBytes => CheckpointFormat.SectionHeaderBytes + CheckpointFormat.AlignSection(PaddingBytes + PayloadBytes);

    /// <summary>Gets how many zero bytes follow the payload, up to the next section.</summary>
    internal int TailBytes => (int)(TotalBytes - CheckpointFormat.SectionHeaderBytes - PaddingBytes - PayloadBytes);

    internal void Write(Span<byte> target, long offset)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(target, CheckpointFormat.SectionMarker);
        BinaryPrimitives.WriteUInt16LittleEndian(target[4..], Version);
        BinaryPrimitives.WriteUInt16LittleEndian(target[6..], IsOptional ? (ushort)1 : (ushort)0);
        BinaryPrimitives.WriteUInt64LittleEndian(target[8..], Name.Value);
        BinaryPrimitives.WriteInt64LittleEndian(target[16..], PayloadBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(target[24..], PayloadHash);
        BinaryPrimitives.WriteInt64LittleEndian(target[32..], PaddingBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(target[HashedBytes..], XxHash3.HashToUInt64(target[..HashedBytes], offset));
    }

    /// <exception cref="MigrationException">Damaged, or a section that this program must know and does not.</exception>
    internal static SectionHeader Read(ReadOnlySpan<byte> source, long offset)
    {
        if (BinaryPrimitives.ReadUInt32LittleEndian(source) != CheckpointFormat.SectionMarker)
        {
            throw Damage.At(null, offset, "no section begins here");
        }

        if (BinaryPrimitives.ReadUInt64LittleEndian(source[HashedBytes..]) != XxHash3.HashToUInt64(source[..HashedBytes], offset))
        {
            throw Damage.At(null, offset, "the checksum of a section's header does not match");
        }

        var name = new SectionName(BinaryPrimitives.ReadUInt64LittleEndian(source[8..]));
        ushort version = BinaryPrimitives.ReadUInt16LittleEndian(source[4..]);
        ushort flags = BinaryPrimitives.ReadUInt16LittleEndian(source[6..]);
        long bytes = BinaryPrimitives.ReadInt64LittleEndian(source[16..]);
        long padding = BinaryPrimitives.ReadInt64LittleEndian(source[32..]);
        if (!name.IsValid || version == 0 || flags > 1 || padding is < 0 or > CheckpointFormat.MaxPaddingBytes || bytes < 0 || bytes > long.MaxValue - offset - (2 * CheckpointFormat.DataAlignment))
        {
            throw Damage.At(name, offset, "its header makes no sense");
        }

        return new SectionHeader(name, version, flags == 1, (int)padding, bytes, BinaryPrimitives.ReadUInt64LittleEndian(source[24..]));
    }

    /// <summary>Gets where the payload begins, for a section at an offset.</summary>
    internal long PayloadAt(long offset) => offset + CheckpointFormat.SectionHeaderBytes + PaddingBytes;

    /// <summary>Gets whether the payload is to be read; false: skipped, because it may be.</summary>
    /// <exception cref="MigrationException">It must be read, and this program cannot.</exception>
    internal bool IsForUs(long offset)
    {
        bool known = Name.IsKnown && Version == 1;
        return known || IsOptional ? known : throw new MigrationException(
            MigrationErrorKind.VersionMismatch,
            $"The checkpoint has a section '{Name}' of version {Version} (offset {offset}), which must be understood and is not known here. Restore it with the newer program that wrote it.");
    }
}
