using PageEngine.Memory;

namespace PageEngine.Checkpoints;

// Owns: what differs between two checkpoints.

/// <summary>How two checkpoints differ. Immutable.</summary>
public sealed record CheckpointDifference
{
    /// <summary>Gets the pages whose bytes differ, as runs in order.</summary>
    public required IReadOnlyList<PageRange> Pages { get; init; }

    /// <summary>Gets the device state sections that differ or are in one only, such as "vcpu 0".</summary>
    public required IReadOnlyList<string> Devices { get; init; }

    /// <summary>Gets how many pages differ.</summary>
    public long PageCount => Pages.Sum(p => p.Count);

    /// <summary>Gets whether nothing differs that a guest could tell.</summary>
    public bool IsSame => Pages.Count == 0 && Devices.Count == 0;
}
