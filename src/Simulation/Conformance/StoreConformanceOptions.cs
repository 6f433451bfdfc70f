namespace PageEngine.Simulation.Conformance;

// Owns: how hard the store suite tries.

/// <summary>Settings of <see cref="StoreConformance"/>.</summary>
public sealed record StoreConformanceOptions
{
    /// <summary>Gets how many callers race for each epoch. Default 6.</summary>
    public int Racers { get; init; } = 6;

    /// <summary>Gets how many epochs they race for. Default 25.</summary>
    public int Epochs { get; init; } = 25;

    /// <summary>Gets how many random calls are compared with a model. Default 400.</summary>
    public int RandomCalls { get; init; } = 400;

    /// <summary>Gets the seed of what is random. Default 1.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Gets for how long a read may be stale. Default 5 s: a store that is never stale does not wait.</summary>
    public TimeSpan StaleFor { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Gets how long a check may take before it counts as hanging. Default 60 s.</summary>
    public TimeSpan CheckLimit { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Gets a way to count what the store holds (files, rows, keys) for the checks that nothing is left behind;
    /// null skips them. Nobody else may use the store meanwhile.</summary>
    public Func<long>? CountEntries { get; init; }
}
