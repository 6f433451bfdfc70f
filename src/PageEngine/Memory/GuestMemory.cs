using System.Diagnostics.CodeAnalysis;

namespace PageEngine.Memory;

// Owns: the order of the regions and the way from a page number to bytes.

/// <summary>A guest's memory: ordered, non-overlapping regions of unmanaged memory. Reading the properties is safe
/// from any thread; disposing unmaps once no I/O holds a pointer.</summary>
public sealed unsafe class GuestMemory : IDisposable
{
    private readonly GuestMemoryRegion[] _regions;
    private readonly long[] _firstPages;
    private readonly GuestPageMemory[][] _windows;

    // The first region, so that a page of it (of most guests: any page) is found by one comparison.
    private readonly GuestMemoryRegion _first;
    private readonly ulong _firstPageCount;
    private MemoryPopulation? _population;

    /// <summary>Makes a memory of regions, which it owns from then on.</summary>
    /// <param name="regions">The regions in address order.</param>
    /// <exception cref="ArgumentException">No region, too many, unordered or overlapping. The caller still owns them.</exception>
    /// <exception cref="ObjectDisposedException">A region was disposed.</exception>
    public GuestMemory(IEnumerable<GuestMemoryRegion> regions)
    {
        ArgumentNullException.ThrowIfNull(regions);
        _regions = [.. regions];
        foreach (GuestMemoryRegion region in _regions)
        {
            ArgumentNullException.ThrowIfNull(region, nameof(regions));
            ObjectDisposedException.ThrowIf(region.IsDisposed, region);
        }

        var layout = new MemoryLayoutRegion[_regions.Length];
        for (int i = 0; i < layout.Length; i++)
        {
            layout[i] = new MemoryLayoutRegion(_regions[i].BaseAddress, _regions[i].PageCount);
        }

        Layout = new MemoryLayout(layout);
        _firstPages = new long[_regions.Length];
        for (int i = 1; i < _regions.Length; i++)
        {
            _firstPages[i] = _firstPages[i - 1] + _regions[i - 1].PageCount;
        }

        _first = _regions[0];
        _firstPageCount = (ulong)_first.PageCount;
        _windows = [.. _regions.Select(WindowsOf)];
    }

    /// <summary>Allocates one anonymous region at guest address 0.</summary>
    /// <param name="bytes">A multiple of the page size.</param>
    /// <param name="options">How it is backed; null: the defaults.</param>
    /// <inheritdoc cref="GuestMemoryRegion.Anonymous" path="/exception"/>
    public static GuestMemory Allocate(long bytes, MemoryBackingOptions? options = null)
    {
        GuestMemoryRegion region = GuestMemoryRegion.Anonymous(new GuestAddress(0), bytes, options);
        try
        {
            return new GuestMemory([region]);
        }
        catch
        {
            region.Dispose();
            throw;
        }
    }

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
        if ((ulong)page >= (ulong)PageCount)
        {
            ThrowNoSuchPage(page);
        }

        if (_firstPages.Length == 1)
        {
            return 0;
        }

        int found = Array.BinarySearch(_firstPages, page);
        return found >= 0 ? found : ~found - 1;
    }

    /// <summary>Gets a page's first byte. The pages after it follow in memory up to the end of its region.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No such page.</exception>
    /// <exception cref="ObjectDisposedException">The memory was disposed and unmapped.</exception>
    public byte* PagePointer(long page) =>
        (ulong)page < _firstPageCount ? _first.Pointer + (page * MemoryLayout.PageBytes) : PagePointerBehindFirst(page);

    /// <summary>Gets one page.</summary>
    /// <inheritdoc cref="PagePointer" path="/exception"/>
    public Span<byte> Page(long page) => new(PagePointer(page), MemoryLayout.PageBytes);

    /// <summary>Takes all of the memory from the kernel now, so that a migration that fills it does not wait for each page. It
    /// has no holes afterwards. For a destination, before the migration; nobody else may write the memory in between. A kernel
    /// that cannot do this (before Linux 5.14) leaves everything as it is.</summary>
    /// <param name="cancellationToken">Ends it; what was taken stays taken.</param>
    /// <exception cref="MigrationException">There is not enough (<see cref="MigrationErrorKind.MemoryFailed"/>).</exception>
    /// <exception cref="ObjectDisposedException">The memory was disposed.</exception>
    public void Populate(CancellationToken cancellationToken = default) =>
        Interlocked.Exchange(ref _population, MemoryPopulation.Populate(this, cancellationToken))?.Dispose();

    /// <summary>Takes what is known since all pages were populated; the caller owns it. Only the first to ask is told. Null:
    /// nothing is known.</summary>
    internal MemoryPopulation? TakePopulation() => Interlocked.Exchange(ref _population, null);

    /// <summary>Keeps every region mapped, whoever disposes this memory, until the hold is disposed.</summary>
    /// <exception cref="ObjectDisposedException">The memory was disposed.</exception>
    public GuestMemoryHold HoldForIo() => new(_regions);

    /// <summary>Gets pages as <see cref="Memory{T}"/>, without an allocation.</summary>
    /// <param name="page">The first page.</param>
    /// <param name="pages">How many, at least 1; they must not pass <see cref="WindowEndOf"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such pages, or they lie in more than one window.</exception>
    internal Memory<byte> MemoryOf(long page, int pages)
    {
        int region = RegionIndexOf(page);
        long inRegion = page - _firstPages[region];
        int inWindow = (int)(inRegion % GuestPageMemory.MaxPages);
        ArgumentOutOfRangeException.ThrowIfLessThan(pages, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(pages, WindowEndOf(page) - page);
        return _windows[region][inRegion / GuestPageMemory.MaxPages].Pages(inWindow, pages);
    }

    /// <summary>Gets the number of the page after the last one that shares a window with a page: a longer run must be
    /// split there.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No such page.</exception>
    internal long WindowEndOf(long page)
    {
        int region = RegionIndexOf(page);
        long inRegion = page - _firstPages[region];
        long windowEnd = ((inRegion / GuestPageMemory.MaxPages) + 1) * GuestPageMemory.MaxPages;
        return _firstPages[region] + Math.Min(windowEnd, _regions[region].PageCount);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (GuestMemoryRegion region in _regions)
        {
            region.Dispose();
        }

        TakePopulation()?.Dispose();
    }

    private static GuestPageMemory[] WindowsOf(GuestMemoryRegion region)
    {
        var windows = new GuestPageMemory[(region.PageCount + GuestPageMemory.MaxPages - 1) / GuestPageMemory.MaxPages];
        for (int i = 0; i < windows.Length; i++)
        {
            long first = (long)i * GuestPageMemory.MaxPages;
            windows[i] = new GuestPageMemory(region, first, (int)Math.Min(GuestPageMemory.MaxPages, region.PageCount - first));
        }

        return windows;
    }

    private byte* PagePointerBehindFirst(long page)
    {
        int region = RegionIndexOf(page);
        return _regions[region].Pointer + ((page - _firstPages[region]) * MemoryLayout.PageBytes);
    }

    [DoesNotReturn]
    private void ThrowNoSuchPage(long page) =>
        throw new ArgumentOutOfRangeException(nameof(page), page, $"The guest has pages 0 to {PageCount - 1}.");
}
