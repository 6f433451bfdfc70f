namespace PageEngine.EmbeddedGuest;

// Owns: what one virtual CPU says about itself. Immutable.

/// <summary>A snapshot of one virtual CPU.</summary>
/// <param name="Index">Which one, from 0.</param>
/// <param name="Operations">Operations it has done since the guest was created, on all hosts.</param>
/// <param name="LongestStall">The longest time between two of its operations, switchovers not counted.</param>
/// <param name="SwitchoverStall">The time between its last operation at the source of the latest migration and its
/// first one here; null when it has not been migrated, or has not run since.</param>
public sealed record VirtualCpuStatistics(int Index, long Operations, TimeSpan LongestStall, TimeSpan? SwitchoverStall);
