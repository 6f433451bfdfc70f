using PageEngine.Devices;
using PageEngine.Guests;
using PageEngine.Memory;

namespace PageEngine.Transport.Tests.Hostile;

// Owns: a guest that is nothing but memory and the answer to who runs, shared by all of its copies.

/// <summary>Sees every copy of one guest start and stop.</summary>
internal sealed class RunWatch
{
    private readonly Lock _gate = new();
    private readonly HashSet<WatchedGuest> _running = [];

    /// <summary>Gets whether two copies ever ran at once.</summary>
    internal bool RanTwice { get; private set; }

    internal bool Runs(WatchedGuest guest)
    {
        lock (_gate)
        {
            return _running.Contains(guest);
        }
    }

    internal void Set(WatchedGuest guest, bool runs)
    {
        lock (_gate)
        {
            _ = runs ? _running.Add(guest) : _running.Remove(guest);
            RanTwice |= _running.Count > 1;
        }
    }
}

/// <summary>One copy.</summary>
internal sealed class WatchedGuest(Guid id, MemoryLayout layout, GuestDescription description, RunWatch watch) : IGuest, IDisposable
{
    public Guid Id => id;

    public GuestMemory Memory { get; } = new(layout.Regions.Select(r => GuestMemoryRegion.Anonymous(r.BaseAddress, r.PageCount * MemoryLayout.PageBytes)));

    internal bool IsDisposed { get; private set; }

    internal bool Runs => watch.Runs(this);

    public GuestDescription Describe() => description;

    public ValueTask PauseAsync(CancellationToken cancellationToken)
    {
        watch.Set(this, false);
        return ValueTask.CompletedTask;
    }

    public ValueTask ResumeAsync(ulong epoch, CancellationToken cancellationToken)
    {
        watch.Set(this, true);
        return ValueTask.CompletedTask;
    }

    public ValueTask SaveStateAsync(DeviceStateWriter writer, CancellationToken cancellationToken)
    {
        writer.Add("watched", 0, 1, id.ToByteArray());
        return ValueTask.CompletedTask;
    }

    public ValueTask LoadStateAsync(DeviceState state, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask PowerOffAsync(CancellationToken cancellationToken) => PauseAsync(cancellationToken);

    public void Dispose()
    {
        IsDisposed = true;
        watch.Set(this, false);
        Memory.Dispose();
    }
}
