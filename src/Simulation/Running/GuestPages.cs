namespace PageEngine.Simulation.Running;

// Owns: the newest version of every page, whoever wrote it, and what the tracer at the source has seen. A copy may run
// only when it has the newest version of all of them.

internal sealed class GuestPages
{
    private readonly uint[] _newest;
    private readonly PageSet _dirty;
    private readonly PageSet? _everDirty;
    private uint _version = 1;
    private bool _isTracing;

    public GuestPages(int count, int zeroPages, bool neverRearms)
    {
        Count = count;
        _newest = new uint[count + 1];
        _dirty = new PageSet(count);
        _everDirty = neverRearms ? new PageSet(count) : null;
        Array.Fill(_newest, 1u);
        _newest.AsSpan(count - zeroPages, zeroPages).Clear();
    }

    public int Count { get; }

    public uint DeviceVersion => _newest[Count];

    public uint[] FirstCopy() => (uint[])_newest.Clone();

    public uint[] EmptyCopy() => new uint[Count + 1];

    public bool IsNewest(GuestCopy copy) => copy.Versions is { } versions && versions.AsSpan().SequenceEqual(_newest);

    public void Write(GuestCopy copy, int page)
    {
        uint version = ++_version;
        _newest[page] = version;
        copy.Versions![page] = version;
        if (_isTracing && (_everDirty is null || _everDirty.Add(page)))
        {
            _dirty.Add(page);
        }
    }

    /// <summary>Changes the device state: not a page, and not traced.</summary>
    public void ChangeDevices(GuestCopy copy)
    {
        uint version = ++_version;
        _newest[Count] = version;
        copy.Versions![Count] = version;
    }

    public void StartTracing()
    {
        _dirty.Clear();
        _everDirty?.Clear();
        _isTracing = true;
    }

    public void StopTracing() => _isTracing = false;

    public bool IsTracing => _isTracing;

    /// <summary>Collects what was written and arms it again, in one step.</summary>
    public int CollectInto(PageSet pending) => pending.TakeAll(_dirty);
}
