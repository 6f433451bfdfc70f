namespace PageEngine.Planning;

// Owns: what a policy may look at after a round. Immutable; SwitchoverEstimator.Assess fills it from measurements.

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

    /// <summary>Gets transmit-to-dirty of the newest round, in percent: pages it offered, for every page left now. Unlike
    /// <see cref="RoundStatistics.T2dPercent"/> it counts pages that were collected but not sent as left.</summary>
    public double T2dPercent => 100.0 * Rounds[^1].DirtyPages / Math.Max(1, RemainingPages);
}
