using System.Buffers.Binary;

namespace PageEngine.Checkpoints.Format;

// Owns: reading numbers from a payload that may be anything: every step is checked, every error has its offset in the file.

internal ref struct PayloadReader
{
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly SectionName _section;
    private readonly long _offset;
    private int _at;

    /// <param name="bytes">The payload.</param>
    /// <param name="section">Whose payload.</param>
    /// <param name="offset">Where it begins in the file.</param>
    internal PayloadReader(ReadOnlySpan<byte> bytes, SectionName section, long offset)
    {
        _bytes = bytes;
        _section = section;
        _offset = offset;
    }

    internal readonly int Remaining => _bytes.Length - _at;

    internal readonly long Offset => _offset + _at;

    internal ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    internal uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    internal ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    internal long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Take(8));

    internal CheckpointDigest Digest()
    {
        ulong low = UInt64();
        return new CheckpointDigest(UInt64(), low);
    }

    internal Guid Guid() => new(Take(16), bigEndian: true);

    internal ReadOnlySpan<byte> Take(int bytes)
    {
        if ((uint)bytes > (uint)Remaining)
        {
            throw Bad($"{bytes} bytes are needed and {Remaining} are left");
        }

        ReadOnlySpan<byte> taken = _bytes.Slice(_at, bytes);
        _at += bytes;
        return taken;
    }

    internal readonly void End()
    {
        if (Remaining != 0)
        {
            throw Bad($"{Remaining} bytes follow where nothing should");
        }
    }

    internal readonly MigrationException Bad(string what) => Damage.At(_section, Offset, what);
}
