using PageEngine.EmbeddedGuest.Fencing;

namespace PageEngine.EmbeddedGuest.State;

// Owns: what of a guest travels beside its virtual CPUs. Immutable.

/// <param name="Configuration">The configuration as GuestConfiguration encodes it: both sides must have the same.</param>
/// <param name="Epoch">The ownership epoch that the guest ran under.</param>
/// <param name="BootId">Which boot of which host the timestamps belong to.</param>
/// <param name="TicksPerSecond">The frequency of the timestamps.</param>
/// <param name="SavedAt">The timestamp at which the state was saved.</param>
/// <param name="SavedAtUtc">The wall clock at the same moment.</param>
/// <param name="VirtualCpus">The virtual CPUs.</param>
/// <param name="Effects">The effects at a guard; null: the guest never had a guard.</param>
internal sealed record GuestState(
    ReadOnlyMemory<byte> Configuration,
    ulong Epoch,
    Guid BootId,
    long TicksPerSecond,
    long SavedAt,
    DateTimeOffset SavedAtUtc,
    IReadOnlyList<VirtualCpuState> VirtualCpus,
    EffectState? Effects = null);
