using PageEngine.Devices;
using PageEngine.Guests;
using PageEngine.Memory;

namespace PageEngine.Checkpoints.Writing;

// Owns: a guest that is only memory and state, as read from a checkpoint: saved again it gives the same bytes. It never runs.

internal sealed class StoredGuest(CheckpointInfo checkpoint, GuestMemory memory, DeviceState state) : IGuest
{
    public Guid Id => checkpoint.GuestId;

    public GuestMemory Memory => memory;

    public GuestDescription Describe() => checkpoint.Description;

    public ValueTask PauseAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask ResumeAsync(ulong epoch, CancellationToken cancellationToken) =>
        throw new InvalidOperationException("A stored guest does not run.");

    public ValueTask SaveStateAsync(DeviceStateWriter writer, CancellationToken cancellationToken)
    {
        foreach (DeviceStateSection section in state.Sections)
        {
            writer.Add(section.Kind, section.Instance, section.Version, section.Payload.Span);
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask LoadStateAsync(DeviceState loaded, CancellationToken cancellationToken) =>
        throw new InvalidOperationException("A stored guest has its state.");

    public ValueTask PowerOffAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>Allocates anonymous memory of a layout.</summary>
    internal static GuestMemory Allocate(MemoryLayout layout)
    {
        var regions = new List<GuestMemoryRegion>();
        try
        {
            foreach (MemoryLayoutRegion region in layout.Regions)
            {
                regions.Add(GuestMemoryRegion.Anonymous(region.BaseAddress, region.PageCount * MemoryLayout.PageBytes));
            }

            return new GuestMemory(regions);
        }
        catch
        {
            regions.ForEach(r => r.Dispose());
            throw;
        }
    }
}
