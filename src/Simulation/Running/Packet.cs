namespace PageEngine.Simulation.Running;

// Owns: what a message carries beside its kind.

/// <summary>The content of a message.</summary>
/// <param name="Round">The round.</param>
/// <param name="Batch">The number of a batch within the attempt.</param>
/// <param name="Total">How many batches were sent up to here.</param>
/// <param name="Device">The version of the device state.</param>
/// <param name="Pages">The pages of a batch; null otherwise.</param>
/// <param name="Versions">Their versions.</param>
internal readonly record struct Packet(int Round, int Batch, int Total, uint Device, int[]? Pages, uint[]? Versions);
