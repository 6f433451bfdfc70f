using System.Buffers;
using System.Runtime.InteropServices;

namespace PageEngine.Streaming;

// Owns: a buffer outside the heap that is also a Memory<byte>: the kernel may read it while the collector moves things.

internal sealed unsafe class NativeBuffer : MemoryManager<byte>
{
    private readonly int _bytes;
    private byte* _pointer;

    internal NativeBuffer(int bytes)
    {
        _bytes = bytes;
        _pointer = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, 64);
    }

    internal byte* Pointer => _pointer;

    public override Span<byte> GetSpan()
    {
        ObjectDisposedException.ThrowIf(_pointer == null, this);
        return new Span<byte>(_pointer, _bytes); // SAFETY: allocated with this length, freed only by Dispose.
    }

    /// <summary>Gets the first bytes of the buffer.</summary>
    internal Memory<byte> First(int bytes) => CreateMemory(bytes);

    public override MemoryHandle Pin(int elementIndex = 0) => new(_pointer + elementIndex);

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
        NativeMemory.AlignedFree(_pointer);
        _pointer = null;
    }
}
