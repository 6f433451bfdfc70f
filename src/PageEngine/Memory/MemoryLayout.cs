namespace PageEngine.Memory;

// Owns: the shape of a guest's memory, without the memory: what both hosts must agree on before a page moves.

/// <summary>One region of a layout.</summary>
/// <param name="BaseAddress">Where the region starts in the guest's address space; a multiple of the page size.</param>
/// <param name="PageCount">How many pages of <see cref="MemoryLayout.PageBytes"/> bytes it holds.</param>
public readonly record struct MemoryLayoutRegion(GuestAddress BaseAddress, long PageCount);

/// <summary>The ordered, non-overlapping regions of a guest's memory. Immutable; safe to share between threads.</summary>
public sealed class MemoryLayout : IEquatable<MemoryLayout>
{
    /// <summary>The page size of bitmaps, rounds and the wire, in bytes, whatever backs the memory.</summary>
    public const int PageBytes = 4096;

    /// <summary>The most regions a layout may have.</summary>
    public const int MaxRegions = 256;

    /// <summary>The most pages a layout may have: 2^36 pages are 256 TiB.</summary>
    public const long MaxPages = 1L << 36;

    private readonly MemoryLayoutRegion[] _regions;

    /// <summary>Makes a layout.</summary>
    /// <param name="regions">The regions in address order.</param>
    /// <exception cref="ArgumentException">No region, too many, unordered, overlapping, misaligned, or too large.</exception>
    public MemoryLayout(IEnumerable<MemoryLayoutRegion> regions)
    {
        ArgumentNullException.ThrowIfNull(regions);
        _regions = regions is MemoryLayoutRegion[] array ? (MemoryLayoutRegion[])array.Clone() : [.. regions];
        if (_regions.Length is 0 or > MaxRegions)
        {
            throw new ArgumentException($"A memory layout has 1 to {MaxRegions} regions; this one has {_regions.Length}.", nameof(regions));
        }

        // The last address, not the end: the end of the last region may be 2^64. Wider numbers are not compiled ahead of time.
        ulong previousLast = 0;
        foreach (MemoryLayoutRegion region in _regions)
        {
            if (region.PageCount is <= 0 or > MaxPages)
            {
                throw new ArgumentException($"The region at {region.BaseAddress} has {region.PageCount} pages; 1 to {MaxPages} are allowed.", nameof(regions));
            }

            if (region.BaseAddress.Value % PageBytes != 0)
            {
                throw new ArgumentException($"The region at {region.BaseAddress} is not aligned to {PageBytes} bytes.", nameof(regions));
            }

            if (PageCount > 0 && region.BaseAddress.Value <= previousLast)
            {
                throw new ArgumentException($"The region at {region.BaseAddress} overlaps the one before it or is out of order.", nameof(regions));
            }

            ulong last = ((ulong)region.PageCount * PageBytes) - 1;
            if (last > ulong.MaxValue - region.BaseAddress.Value)
            {
                throw new ArgumentException($"The region at {region.BaseAddress} ends beyond the 64-bit address space.", nameof(regions));
            }

            previousLast = region.BaseAddress.Value + last;
            PageCount += region.PageCount;
        }

        if (PageCount > MaxPages)
        {
            throw new ArgumentException($"The layout has {PageCount} pages; at most {MaxPages} are allowed.", nameof(regions));
        }
    }

    /// <summary>Gets the regions in address order.</summary>
    public IReadOnlyList<MemoryLayoutRegion> Regions => _regions;

    /// <summary>Gets the number of pages in all regions.</summary>
    public long PageCount { get; }

    /// <summary>Gets the number of bytes in all regions.</summary>
    public long Bytes => PageCount * PageBytes;

    /// <inheritdoc/>
    public bool Equals(MemoryLayout? other)
    {
        if (other is null || other._regions.Length != _regions.Length)
        {
            return false;
        }

        for (int i = 0; i < _regions.Length; i++)
        {
            if (_regions[i].BaseAddress.Value != other._regions[i].BaseAddress.Value || _regions[i].PageCount != other._regions[i].PageCount)
            {
                return false;
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as MemoryLayout);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_regions.Length, PageCount, _regions[0]);

    /// <inheritdoc/>
    public override string ToString() => string.Join(", ", _regions.Select(r => $"{r.BaseAddress}+{r.PageCount} pages"));
}
