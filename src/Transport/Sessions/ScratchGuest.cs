using PageEngine.Devices;
using PageEngine.Guests;
using PageEngine.Memory;

namespace PageEngine.Transport.Sessions;

// Owns: the guest of the rehearsal: one page of memory that nothing writes, and a state as long as it is told.

/// <summary>Stands in for the guest while the switchover is rehearsed.</summary>
/// <param name="id">Its identity.</param>
/// <param name="stateBytes">How much state it saves.</param>
internal sealed class ScratchGuest(Guid id, int stateBytes = 16) : IGuest, IDisposable
{
    private const string SectionKind = "rehearsal";

    public Guid Id => id;

    public GuestMemory Memory { get; } = GuestMemory.Allocate(MemoryLayout.PageBytes);

    public GuestDescription Describe() => new("rehearsal", ReadOnlyMemory<byte>.Empty);

    public ValueTask PauseAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>Gets whether it was resumed: then the record had given it to this run.</summary>
    internal bool HasRun { get; private set; }

    public ValueTask ResumeAsync(ulong epoch, CancellationToken cancellationToken)
    {
        HasRun = true;
        return ValueTask.CompletedTask;
    }

    public ValueTask SaveStateAsync(DeviceStateWriter writer, CancellationToken cancellationToken)
    {
        writer.Add(SectionKind, 0, 1, new byte[stateBytes]);
        return ValueTask.CompletedTask;
    }

    public ValueTask LoadStateAsync(DeviceState state, CancellationToken cancellationToken)
    {
        _ = state.Require(SectionKind, 0, 1);
        return ValueTask.CompletedTask;
    }

    public ValueTask PowerOffAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public void Dispose() => Memory.Dispose();
}
