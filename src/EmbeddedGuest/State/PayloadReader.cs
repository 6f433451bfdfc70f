using System.Buffers.Binary;
using System.Text;

namespace PageEngine.EmbeddedGuest.State;

// Owns: reading what a peer may have damaged. Every number is taken within the payload's end; nothing is allocated
// from a number that was read but texts, whose length has a limit.

internal ref struct PayloadReader(ReadOnlySpan<byte> payload, string what, MigrationErrorKind error)
{
    private ReadOnlySpan<byte> _rest = payload;

    internal long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Take(sizeof(long)));

    internal ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(sizeof(ulong)));

    internal int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Take(sizeof(int)));

    internal Guid Id() => new(Take(16), bigEndian: true);

    internal string Text(int maxBytes)
    {
        int length = Int32();
        return length >= 0 && length <= maxBytes
            ? Encoding.UTF8.GetString(Take(length))
            : throw Bad($"a text of {length} bytes, where {maxBytes} are allowed");
    }

    /// <summary>Throws when bytes are left over.</summary>
    internal readonly void End()
    {
        if (!_rest.IsEmpty)
        {
            throw Bad($"{_rest.Length} bytes more than expected");
        }
    }

    /// <summary>The exception for a payload that cannot be right.</summary>
    internal readonly MigrationException Bad(string problem) => new(error, $"The embedded guest's {what} has {problem}.");

    private ReadOnlySpan<byte> Take(int bytes)
    {
        if (_rest.Length < bytes)
        {
            throw Bad($"{bytes - _rest.Length} bytes less than expected");
        }

        ReadOnlySpan<byte> taken = _rest[..bytes];
        _rest = _rest[bytes..];
        return taken;
    }
}
