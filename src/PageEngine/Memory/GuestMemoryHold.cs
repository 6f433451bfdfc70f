namespace PageEngine.Memory;

// Owns: the promise that memory stays mapped while I/O uses its address.

/// <summary>Keeps guest memory mapped until it is disposed. Whoever gives an address to the kernel, or uses it beside
/// the thread that may dispose the memory, holds one for as long. One thread uses one hold; do not copy it.</summary>
public struct GuestMemoryHold : IDisposable
{
    private GuestMemoryRegion[]? _regions;
    private GuestMemoryRegion? _region;

    internal GuestMemoryHold(GuestMemoryRegion region)
    {
        region.AddHold();
        _region = region;
    }

    internal GuestMemoryHold(GuestMemoryRegion[] regions)
    {
        int held = 0;
        try
        {
            for (; held < regions.Length; held++)
            {
                regions[held].AddHold();
            }

            _regions = regions;
        }
        finally
        {
            while (_regions is null && held > 0)
            {
                regions[--held].ReleaseHold();
            }
        }
    }

    /// <summary>Lets go. The memory is unmapped here when it was disposed meanwhile and this was the last hold.
    /// Harmless when repeated.</summary>
    public void Dispose()
    {
        _region?.ReleaseHold();
        _region = null;
        foreach (GuestMemoryRegion region in _regions ?? [])
        {
            region.ReleaseHold();
        }

        _regions = null;
    }
}
