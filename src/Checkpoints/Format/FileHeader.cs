using System.Buffers.Binary;
using System.IO.Hashing;

namespace PageEngine.Checkpoints.Format;

// Owns: the first 32 bytes: that it is a checkpoint, and of which version.

internal static class FileHeader
{
    private const int HashedBytes = 24;

    internal static void Write(Span<byte> target)
    {
        target[..CheckpointFormat.FileHeaderBytes].Clear();
        CheckpointFormat.Magic.CopyTo(target);
        BinaryPrimitives.WriteUInt16LittleEndian(target[8..], CheckpointFormat.Version);
        BinaryPrimitives.WriteUInt64LittleEndian(target[HashedBytes..], XxHash3.HashToUInt64(target[..HashedBytes]));
    }

    /// <exception cref="MigrationException">No checkpoint, a newer one, or damaged.</exception>
    internal static void Read(ReadOnlySpan<byte> source)
    {
        if (source.Length < CheckpointFormat.FileHeaderBytes || !source.StartsWith(CheckpointFormat.Magic))
        {
            throw new MigrationException(MigrationErrorKind.DataDamaged, "This is no checkpoint: it does not begin as one does (offset 0). Give a file that `pageengine checkpoint save` wrote.");
        }

        if (BinaryPrimitives.ReadUInt64LittleEndian(source[HashedBytes..]) != XxHash3.HashToUInt64(source[..HashedBytes]))
        {
            throw Damage.At(null, 0, "the checksum of the file's header does not match");
        }

        ushort version = BinaryPrimitives.ReadUInt16LittleEndian(source[8..]);
        if (version is 0 or > CheckpointFormat.Version)
        {
            throw new MigrationException(
                MigrationErrorKind.VersionMismatch,
                $"The checkpoint has format version {version}; this program reads 1 to {CheckpointFormat.Version}. Restore it with the newer program that wrote it.");
        }

        if (source[10..HashedBytes].ContainsAnyExcept((byte)0))
        {
            throw Damage.At(null, 10, "bytes that must be zero are not");
        }
    }
}
