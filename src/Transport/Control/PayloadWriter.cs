using System.Buffers.Binary;
using System.Text;

namespace PageEngine.Transport.Control;

// Owns: writing a frame's payload into a buffer that is reused from frame to frame.

/// <summary>Writes little-endian fields. Owned by one channel, used under its send lock.</summary>
internal sealed class PayloadWriter
{
    private byte[] _buffer = new byte[4096];
    private int _length;

    internal ReadOnlySpan<byte> Written => _buffer.AsSpan(0, _length);

    internal void Reset() => _length = 0;

    internal PayloadWriter Byte(byte value)
    {
        Reserve(1)[0] = value;
        return this;
    }

    internal PayloadWriter UInt16(ushort value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(Reserve(2), value);
        return this;
    }

    internal PayloadWriter UInt32(uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(Reserve(4), value);
        return this;
    }

    internal PayloadWriter UInt64(ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(Reserve(8), value);
        return this;
    }

    internal PayloadWriter Count(long value) => UInt64(checked((ulong)value));

    internal PayloadWriter Duration(TimeSpan value) =>
        Count(Math.Clamp((long)value.TotalMicroseconds, 0, 86_400L * 1_000_000));

    internal PayloadWriter Guid(Guid value)
    {
        value.TryWriteBytes(Reserve(16));
        return this;
    }

    internal PayloadWriter Bytes(ReadOnlySpan<byte> value)
    {
        UInt32((uint)value.Length);
        value.CopyTo(Reserve(value.Length));
        return this;
    }

    /// <summary>Writes text, cut so that its bytes fit.</summary>
    internal PayloadWriter Text(string value, int maxBytes)
    {
        while (Encoding.UTF8.GetByteCount(value) > maxBytes)
        {
            value = value[..^Math.Max(1, value.Length / 16)];
        }

        UInt32((uint)Encoding.UTF8.GetByteCount(value));
        Encoding.UTF8.GetBytes(value, Reserve(Encoding.UTF8.GetByteCount(value)));
        return this;
    }

    internal PayloadWriter Raw(ReadOnlySpan<byte> value)
    {
        value.CopyTo(Reserve(value.Length));
        return this;
    }

    private Span<byte> Reserve(int count)
    {
        if (_buffer.Length - _length < count)
        {
            Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, _length + count));
        }

        Span<byte> span = _buffer.AsSpan(_length, count);
        _length += count;
        return span;
    }
}
