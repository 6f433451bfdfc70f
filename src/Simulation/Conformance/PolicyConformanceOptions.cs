namespace PageEngine.Simulation.Conformance;

// Owns: how hard the policy suite tries, and what it takes for an end.

/// <summary>Settings of <see cref="PolicyConformance"/>.</summary>
public sealed record PolicyConformanceOptions
{
    /// <summary>Gets how many random states, or random migrations, each check tries. Default 300.</summary>
    public int Cases { get; init; } = 300;

    /// <summary>Gets the seed of what is random. Default 1.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Gets by how many rounds a migration must have come to an end, whatever the guest does. Default 100.</summary>
    public int MaxRounds { get; init; } = 100;

    /// <summary>Gets how long a check may take before it counts as hanging. Default 60 s.</summary>
    public TimeSpan CheckLimit { get; init; } = TimeSpan.FromSeconds(60);
}
