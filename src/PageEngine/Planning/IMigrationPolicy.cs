namespace PageEngine.Planning;

// Owns: the seam between the facts of the rounds and what to do next.

/// <summary>What a policy may look at: facts and measurements, no clock.</summary>
public sealed record PlanningState
{
    /// <summary>Gets the finished rounds, oldest first; at least one.</summary>
    public required IReadOnlyList<RoundStatistics> Rounds { get; init; }

    /// <summary>Gets how many pages are dirty or pending now.</summary>
    public required long RemainingPages { get; init; }

    /// <summary>Gets the number of pages of the guest.</summary>
    public required long GuestPages { get; init; }

    /// <summary>Gets the wire throughput measured from acknowledgements, bytes per second; null when nothing was measured.</summary>
    public required double? ThroughputBytesPerSecond { get; init; }

    /// <summary>Gets the predicted switchover if it began now.</summary>
    public required SwitchoverPrediction Prediction { get; init; }

    /// <summary>Gets the time since pre-copy began.</summary>
    public required TimeSpan Elapsed { get; init; }

    /// <summary>Gets whether the guest can be throttled.</summary>
    public required bool ThrottleAvailable { get; init; }

    /// <summary>Gets the throttle in force: the share of virtual CPU time taken away, 0 to 1.</summary>
    public required double Throttle { get; init; }

    /// <summary>Gets whether post-copy is to be had.</summary>
    public required bool PostCopyAvailable { get; init; }
}

/// <summary>How long the switchover is expected to take, part by part.</summary>
/// <param name="Pages">Sending what remains: remaining wire bytes / measured throughput.</param>
/// <param name="Fixed">Everything that does not depend on how much remains: pause, last harvest, state save, transfer,
/// load, commit, resume; measured or rehearsed.</param>
public readonly record struct SwitchoverPrediction(TimeSpan Pages, TimeSpan Fixed)
{
    /// <summary>Gets the whole.</summary>
    public TimeSpan Total => Pages + Fixed;
}

/// <summary>What to do next.</summary>
public enum DecisionKind
{
    /// <summary>Not a valid decision.</summary>
    None = 0,

    /// <summary>Send what was dirtied in another round.</summary>
    NextRound = 1,

    /// <summary>Pause the guest and move it.</summary>
    SwitchOver = 2,

    /// <summary>Slow the guest to <see cref="MigrationDecision.Throttle"/> and do another round.</summary>
    Throttle = 3,

    /// <summary>Move the guest now and fetch the remaining pages on demand.</summary>
    PostCopy = 4,

    /// <summary>End the migration; the guest runs on at the source.</summary>
    GiveUp = 5,
}

/// <summary>A decision with its reason.</summary>
/// <param name="Kind">What to do.</param>
/// <param name="Reason">One sentence with the numbers that led to it.</param>
/// <param name="Throttle">With <see cref="DecisionKind.Throttle"/>: the share of virtual CPU time to take away.</param>
/// <param name="Error">With <see cref="DecisionKind.GiveUp"/>: the kind of failure to report.</param>
public sealed record MigrationDecision(
    DecisionKind Kind,
    string Reason,
    double Throttle = 0,
    MigrationErrorKind Error = MigrationErrorKind.None);

/// <summary>Decides after each round. Implementations are pure: the same state gives the same decision.</summary>
public interface IMigrationPolicy
{
    /// <summary>Decides what to do after the newest round of <paramref name="state"/>.</summary>
    MigrationDecision Decide(PlanningState state);
}
