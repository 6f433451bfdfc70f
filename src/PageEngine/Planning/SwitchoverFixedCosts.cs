namespace PageEngine.Planning;

// Owns: the parts of the blackout that do not depend on how many pages remain. Filled from the rehearsal and from what
// was measured since.

/// <summary>The measured or rehearsed parts of a switchover that are there even if no page remains.</summary>
public sealed record SwitchoverFixedCosts
{
    /// <summary>Gets the time from the decision to the pause. The guest still runs in it and is not part of <see cref="Total"/>, but
    /// what it writes meanwhile is the last pass's.</summary>
    public TimeSpan Approach { get; init; }

    /// <summary>Gets the time until no virtual CPU runs.</summary>
    public TimeSpan Pause { get; init; }

    /// <summary>Gets the time of the last collects: there are two, before and after the devices are saved. The estimator takes twice
    /// the newest round's collect where that is longer.</summary>
    public TimeSpan Harvest { get; init; }

    /// <summary>Gets the time for a barrier without pages to be acknowledged on every stream: the last pass ends with one.</summary>
    public TimeSpan Barrier { get; init; }

    /// <summary>Gets the time to save the device state.</summary>
    public TimeSpan StateSave { get; init; }

    /// <summary>Gets the time to send the device state and the prepare request, and for the answer to come back.</summary>
    public TimeSpan StateTransfer { get; init; }

    /// <summary>Gets the time to check and load at the destination.</summary>
    public TimeSpan Restore { get; init; }

    /// <summary>Gets the time to create the next epoch and for the destination to read it.</summary>
    public TimeSpan Commit { get; init; }

    /// <summary>Gets the time from the commit to the guest running at the destination.</summary>
    public TimeSpan Resume { get; init; }

    /// <summary>Gets the sum.</summary>
    public TimeSpan Total => Pause + Harvest + Barrier + StateSave + StateTransfer + Restore + Commit + Resume;

    /// <summary>Makes the costs of a switchover in which every step takes longer by this factor.</summary>
    internal SwitchoverFixedCosts Scale(double factor) => new()
    {
        Approach = Approach * factor,
        Pause = Pause * factor,
        Harvest = Harvest * factor,
        Barrier = Barrier * factor,
        StateSave = StateSave * factor,
        StateTransfer = StateTransfer * factor,
        Restore = Restore * factor,
        Commit = Commit * factor,
        Resume = Resume * factor,
    };
}
