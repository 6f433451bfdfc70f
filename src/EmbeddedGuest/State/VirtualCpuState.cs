namespace PageEngine.EmbeddedGuest.State;

// Owns: what of a virtual CPU travels. Immutable.

/// <param name="Operations">Operations done: also the number of the next one.</param>
/// <param name="Chain">The log's hash after the last one.</param>
/// <param name="LastOperationAt">The timestamp of the last one; 0: none was done.</param>
/// <param name="LongestStallTicks">The longest time between two operations, in ticks of the source's clock.</param>
internal readonly record struct VirtualCpuState(long Operations, ulong Chain, long LastOperationAt, long LongestStallTicks);
