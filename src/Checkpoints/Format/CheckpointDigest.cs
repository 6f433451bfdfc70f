using System.Buffers.Binary;

namespace PageEngine.Checkpoints.Format;

// Owns: the digest over a checkpoint as it is kept and compared. Not UInt128: a method that touches a type with such a field is not
// compiled ahead of time, and a restore that lets the guest run at once would wait for the compiler.

/// <summary>An XXH3-128.</summary>
/// <param name="High">The upper half.</param>
/// <param name="Low">The lower half.</param>
internal readonly record struct CheckpointDigest(ulong High, ulong Low)
{
    internal const int Bytes = 16;

    /// <summary>Takes it as the hash gives it.</summary>
    internal static CheckpointDigest Read(ReadOnlySpan<byte> hash) =>
        new(BinaryPrimitives.ReadUInt64BigEndian(hash), BinaryPrimitives.ReadUInt64BigEndian(hash[8..]));

    internal static CheckpointDigest Of(UInt128 value) => new((ulong)(value >> 64), (ulong)value);

    internal UInt128 ToUInt128() => new(High, Low);

    public override string ToString() => $"{High:x16}{Low:x16}";
}
