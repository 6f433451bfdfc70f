using PageEngine.Planning;

namespace PageEngine.Simulation;

// Owns: how long the steps of either host and of the store take when nothing is wrong. Immutable.

/// <summary>What the hosts' and the store's own work takes.</summary>
public sealed record SimulatedCosts
{
    /// <summary>Gets the time until no virtual CPU runs.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.FromMilliseconds(0.3);

    /// <summary>Gets the time of a collect.</summary>
    public TimeSpan Harvest { get; init; } = TimeSpan.FromMilliseconds(0.5);

    /// <summary>Gets the time of the collect after each round, oldest first, where it is known from a measurement; later
    /// rounds and an empty list take <see cref="Harvest"/>.</summary>
    public IReadOnlyList<TimeSpan> HarvestOfRounds { get; init; } = [];

    /// <summary>Gets the time to save the device state.</summary>
    public TimeSpan StateSave { get; init; } = TimeSpan.FromMilliseconds(0.2);

    /// <summary>Gets the time to check and load at the destination.</summary>
    public TimeSpan Restore { get; init; } = TimeSpan.FromMilliseconds(0.5);

    /// <summary>Gets the time to resume the guest.</summary>
    public TimeSpan Resume { get; init; } = TimeSpan.FromMilliseconds(0.3);

    /// <summary>Gets the time to raise the epoch at every guarded resource.</summary>
    public TimeSpan RaiseGuards { get; init; } = TimeSpan.FromMilliseconds(0.2);

    /// <summary>Gets the time to free a copy.</summary>
    public TimeSpan Free { get; init; } = TimeSpan.FromMilliseconds(1);

    /// <summary>Gets the time to make a journal entry durable.</summary>
    public TimeSpan DiskWrite { get; init; } = TimeSpan.FromMilliseconds(1);

    /// <summary>Gets the time of a request to the store, there and back.</summary>
    public TimeSpan Store { get; init; } = TimeSpan.FromMilliseconds(2);

    internal TimeSpan HarvestOf(int round) => round < HarvestOfRounds.Count ? HarvestOfRounds[round] : Harvest;

    internal SwitchoverFixedCosts Fixed(SimulatedLink link) => new()
    {
        Pause = Pause,
        Harvest = Harvest * 2,
        Barrier = link.StreamLatency,
        StateSave = StateSave,
        StateTransfer = link.ControlLatency * 2,
        Restore = Restore + DiskWrite,
        Commit = (Store * 2) + link.ControlLatency,
        Resume = RaiseGuards + Store + Resume,
    };

    internal void Validate()
    {
        foreach (TimeSpan cost in (ReadOnlySpan<TimeSpan>)[Pause, Harvest, StateSave, Restore, Resume, RaiseGuards, Free, DiskWrite, Store, .. HarvestOfRounds])
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(cost, TimeSpan.Zero);
        }
    }
}
