using System.Buffers.Binary;
using System.Text;

namespace PageEngine.Transport.Control;

// Owns: bounded reading of a frame's payload. Every read is checked; no length is believed before it fits.

/// <summary>Reads little-endian fields from a payload.</summary>
internal ref struct PayloadReader(ReadOnlySpan<byte> payload, ControlKind kind)
{
    private ReadOnlySpan<byte> _rest = payload;
    private readonly ControlKind _kind = kind;

    internal byte Byte() => Take(1)[0];

    internal ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    internal uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    internal ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    internal Guid Guid() => new(Take(16));

    /// <summary>Reads a count that may not be negative or above a limit.</summary>
    internal long Count(long max)
    {
        ulong value = UInt64();
        return value <= (ulong)max ? (long)value : throw Wrong($"a count of {value}, where at most {max} is possible");
    }

    /// <summary>Reads a time that was written as microseconds; at most a day.</summary>
    internal TimeSpan Duration() => TimeSpan.FromMicroseconds(Count(86_400L * 1_000_000));

    internal ReadOnlySpan<byte> Bytes(int max)
    {
        uint length = UInt32();
        return length <= (uint)max ? Take((int)length) : throw Wrong($"a field of {length} bytes, where at most {max} are allowed");
    }

    /// <summary>Reads text; control characters, which could forge lines in a log, become spaces.</summary>
    internal string Text(int maxBytes)
    {
        char[] text = Encoding.UTF8.GetString(Bytes(maxBytes)).ToCharArray();
        for (int i = 0; i < text.Length; i++)
        {
            if (char.IsControl(text[i]) || char.IsSurrogate(text[i]))
            {
                text[i] = ' ';
            }
        }

        return new string(text);
    }

    internal ReadOnlySpan<byte> Rest()
    {
        ReadOnlySpan<byte> rest = _rest;
        _rest = default;
        return rest;
    }

    /// <summary>Checks that the whole payload was read.</summary>
    internal readonly void End()
    {
        if (!_rest.IsEmpty)
        {
            throw Wrong($"{_rest.Length} bytes too many");
        }
    }

    internal readonly MigrationException Wrong(string what) => ControlFrameCodec.Violation($"a {_kind} frame holds {what}");

    private ReadOnlySpan<byte> Take(int count)
    {
        if (_rest.Length < count)
        {
            throw Wrong("too few bytes");
        }

        ReadOnlySpan<byte> taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
