using System.Buffers;

namespace PageEngine.Memory;

// Owns: the order of the regions and the way from a page number to bytes.

/// <summary>A guest's memory: ordered, non-overlapping regions of unmanaged memory. Reading the properties is safe
/// from any thread; disposing unmaps once no I/O holds a pointer.</summary>
public sealed unsafe class GuestMemory : IDisposable
{
    private readonly GuestMemoryRegion[] _regions;
    private readonly long[] _firstPages;

    /// <summary>Makes a memory of regions, which it owns from then on.</summary>
    /// <param name="regions">The regions in address order.</param>
    public GuestMemory(IEnumerable<GuestMemoryRegion> regions)
    {
        ArgumentNullException.ThrowIfNull(regions);
        _regions = [.. regions];
        Layout = new MemoryLayout(_regions.Select(r => new MemoryLayoutRegion(r.BaseAddress, r.PageCount)));
        _firstPages = new long[_regions.Length];
        for (int i = 1; i < _regions.Length; i++)
        {
            _firstPages[i] = _firstPages[i - 1] + _regions[i - 1].PageCount;
        }
    }

    /// <summary>Allocates one anonymous region at guest address 0.</summary>
    /// <param name="bytes">A multiple of the page size.</param>
    public static GuestMemory Allocate(long bytes) => new([GuestMemoryRegion.Anonymous(new GuestAddress(0), bytes)]);

    /// <summary>Gets the layout.</summary>
    public MemoryLayout Layout { get; }

    /// <summary>Gets the regions in address order.</summary>
    public IReadOnlyList<GuestMemoryRegion> Regions => _regions;

    /// <summary>Gets the number of pages.</summary>
    public long PageCount => Layout.PageCount;

    /// <summary>Gets the number of the first page of a region.</summary>
    /// <param name="regionIndex">The region's index in <see cref="Regions"/>.</param>
    public long FirstPageOf(int regionIndex) => _firstPages[regionIndex];

    /// <summary>Gets the index of the region that holds a page.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No such page.</exception>
    public int RegionIndexOf(long page)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(page);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(page, PageCount);
        if (_regions.Length == 1)
        {
            return 0;
        }

        int found = Array.BinarySearch(_firstPages, page);
        return found >= 0 ? found : ~found - 1;
    }

    /// <summary>Gets a page's first byte.</summary>
    public byte* PagePointer(long page)
    {
        int region = RegionIndexOf(page);
        return _regions[region].Pointer + ((page - _firstPages[region]) * MemoryLayout.PageBytes);
    }

    /// <summary>Gets one page.</summary>
    public Span<byte> Page(long page) => new(PagePointer(page), MemoryLayout.PageBytes);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (GuestMemoryRegion region in _regions)
        {
            region.Dispose();
        }
    }
}
