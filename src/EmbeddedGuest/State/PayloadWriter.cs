using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace PageEngine.EmbeddedGuest.State;

// Owns: writing numbers and texts little-endian, the order in which PayloadReader takes them back.

internal sealed class PayloadWriter
{
    private readonly ArrayBufferWriter<byte> _bytes = new(256);

    internal ReadOnlyMemory<byte> Written => _bytes.WrittenMemory;

    internal PayloadWriter Int64(long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(_bytes.GetSpan(sizeof(long)), value);
        _bytes.Advance(sizeof(long));
        return this;
    }

    internal PayloadWriter UInt64(ulong value) => Int64(unchecked((long)value));

    internal PayloadWriter Int32(int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(_bytes.GetSpan(sizeof(int)), value);
        _bytes.Advance(sizeof(int));
        return this;
    }

    internal PayloadWriter Id(Guid value)
    {
        value.TryWriteBytes(_bytes.GetSpan(16), bigEndian: true, out int written);
        _bytes.Advance(written);
        return this;
    }

    /// <summary>A text: its length in bytes, then UTF-8.</summary>
    internal PayloadWriter Text(string value)
    {
        byte[] encoded = Encoding.UTF8.GetBytes(value);
        Int32(encoded.Length);
        _bytes.Write(encoded);
        return this;
    }
}
