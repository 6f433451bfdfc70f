namespace PageEngine.Planning;

// Owns: what a forecast is made from, and its limits.

/// <summary>What a forecast is made from. Rates are in bytes per second, amounts in bytes.</summary>
public sealed record PreCopyModelInput
{
    /// <summary>Gets the guest's memory.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>Gets the rate at which pages reach the destination.</summary>
    public required double BandwidthBytesPerSecond { get; init; }

    /// <summary>Gets the rate at which the guest writes pages that were clean.</summary>
    public required double DirtyBytesPerSecond { get; init; }

    /// <summary>Gets the writable working set: the most that can be dirty at once, however long a round takes. Null for all
    /// of the memory.</summary>
    public long? WorkingSetBytes { get; init; }

    /// <summary>Gets the longest blackout that is acceptable. Default 500 ms.</summary>
    public TimeSpan Goal { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Gets the part of the blackout that does not depend on how much remains. Default 0.</summary>
    public TimeSpan Fixed { get; init; }

    /// <summary>Gets the most rounds, the first one included. Default 30.</summary>
    public int MaxRounds { get; init; } = 30;

    /// <summary>Gets how many more rounds are made once the goal is met, each only while it shortens the blackout by at
    /// least <see cref="RefineGainPercent"/>. Default 0, the textbook rule; the engine's own default is
    /// <see cref="SwitchoverTimeGoalOptions.RefineRounds"/>.</summary>
    public int RefineRounds { get; init; }

    /// <summary>Gets by how many percent a further round must shorten the blackout. Default 25.</summary>
    public double RefineGainPercent { get; init; } = 25;

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(MemoryBytes, nameof(MemoryBytes));
        ThrowUnlessRate(BandwidthBytesPerSecond, BandwidthBytesPerSecond > 0, nameof(BandwidthBytesPerSecond));
        ThrowUnlessRate(DirtyBytesPerSecond, DirtyBytesPerSecond >= 0, nameof(DirtyBytesPerSecond));
        ArgumentOutOfRangeException.ThrowIfNegative(WorkingSetBytes ?? 0, nameof(WorkingSetBytes));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(Goal, TimeSpan.Zero, nameof(Goal));
        ArgumentOutOfRangeException.ThrowIfLessThan(Fixed, TimeSpan.Zero, nameof(Fixed));
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxRounds, 1, nameof(MaxRounds));
        ArgumentOutOfRangeException.ThrowIfNegative(RefineRounds, nameof(RefineRounds));
        ArgumentOutOfRangeException.ThrowIfNegative(RefineGainPercent, nameof(RefineGainPercent));
    }

    private static void ThrowUnlessRate(double rate, bool inRange, string name)
    {
        if (!inRange || !double.IsFinite(rate))
        {
            throw new ArgumentOutOfRangeException(name, rate, "A finite rate in bytes per second is needed, and a bandwidth above 0.");
        }
    }
}
