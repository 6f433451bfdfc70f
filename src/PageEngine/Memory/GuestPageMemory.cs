using System.Buffers;

namespace PageEngine.Memory;

// Owns: the view of guest pages as Memory<byte>, whose length is an int: one object for each window of a region, made
// once, so that a segment of a sequence can point at any page without an allocation.

/// <summary>One window of a region. Disposing it does nothing: the region owns the bytes.</summary>
internal sealed unsafe class GuestPageMemory : MemoryManager<byte>
{
    /// <summary>The most pages of one window: 1 GiB, well below what an int can count.</summary>
    internal const int MaxPages = 1 << 18;

    private readonly GuestMemoryRegion _region;
    private readonly long _offset;
    private readonly int _length;

    internal GuestPageMemory(GuestMemoryRegion region, long firstPageInRegion, int pages)
    {
        _region = region;
        _offset = firstPageInRegion * MemoryLayout.PageBytes;
        _length = pages * MemoryLayout.PageBytes;
    }

    public override Memory<byte> Memory => CreateMemory(_length);

    /// <summary>Gets part of the window; the numbers are relative to it.</summary>
    internal Memory<byte> Pages(int firstPage, int pages) =>
        CreateMemory(firstPage * MemoryLayout.PageBytes, pages * MemoryLayout.PageBytes);

    /// <exception cref="ObjectDisposedException">The region is unmapped.</exception>
    public override Span<byte> GetSpan() => new(_region.Pointer + _offset, _length);

    /// <summary>Holds the region until the handle is disposed: a socket or a file pins what it sends.</summary>
    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)_length, nameof(elementIndex));
        _region.AddHold();
        return new MemoryHandle(_region.Pointer + _offset + elementIndex, pinnable: this);
    }

    public override void Unpin() => _region.ReleaseHold();

    protected override void Dispose(bool disposing)
    {
    }
}
