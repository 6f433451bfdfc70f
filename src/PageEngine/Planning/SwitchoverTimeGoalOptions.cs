namespace PageEngine.Planning;

// Owns: the settings of SwitchoverTimeGoalPolicy, their defaults and their limits.

/// <summary>Settings of <see cref="SwitchoverTimeGoalPolicy"/>.</summary>
public sealed record SwitchoverTimeGoalOptions
{
    /// <summary>Gets the longest blackout that is acceptable. Default 500 ms.</summary>
    public TimeSpan Goal { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Gets the transmit-to-dirty ratio, in percent, below which a round made no progress: pages offered in a round
    /// for every page left after it. Default 130.</summary>
    public double MinProgressPercent { get; init; } = 130;

    /// <summary>Gets the most rounds, the first one included. Default 30.</summary>
    public int MaxRounds { get; init; } = 30;

    /// <summary>Gets the remaining copy time from which a guest that does not converge is not forced over. At this time and
    /// above it is given up, below it moves. Default 100 s.</summary>
    public TimeSpan AbortAfter { get; init; } = TimeSpan.FromSeconds(100);

    /// <summary>Gets what to do when nothing converges and neither throttle nor post-copy is to be had. Default
    /// <see cref="StallResponse.GiveUp"/>.</summary>
    public StallResponse IfStalled { get; init; } = StallResponse.GiveUp;

    /// <summary>Gets how many rounds in a row must show a stall before it is believed: one noisy round proves nothing.
    /// Default 3.</summary>
    public int StallRounds { get; init; } = 3;

    /// <summary>Gets by how many percent the smallest number of remaining pages must have fallen over
    /// <see cref="StallRounds"/> rounds to count as still falling. Default 2: a dirty rate within 0.7 % of the bandwidth
    /// cannot be told from one above it.</summary>
    public double StallTolerancePercent { get; init; } = 2;

    /// <summary>Gets the transmit-to-dirty ratio, in percent, that a throttled guest should reach. Default 500.</summary>
    public double ThrottleTargetPercent { get; init; } = 500;

    /// <summary>Gets the smallest step by which the throttle is raised. Default 0.05 of the virtual CPU time.</summary>
    public double ThrottleStep { get; init; } = 0.05;

    /// <summary>Gets the largest share of virtual CPU time that a throttle may take away. Default 0.99.</summary>
    public double MaxThrottle { get; init; } = 0.99;

    /// <summary>Gets how many more rounds may be made once the goal is met, each only if it is expected to pay. They cost
    /// less than the goal each, and make a blackout that would be acceptable one that is not noticed. Default 4; 0 switches
    /// over as soon as the goal is met.</summary>
    public int RefineRounds { get; init; } = 4;

    /// <summary>Gets by how many percent of the predicted switchover another round must be expected to shorten it, once the
    /// goal is met. Default 25.</summary>
    public double RefineGainPercent { get; init; } = 25;

    /// <summary>Checks the settings against each other and their limits.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A setting is outside its range; the message names it.</exception>
    public void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(Goal, TimeSpan.Zero, nameof(Goal));
        ArgumentOutOfRangeException.ThrowIfLessThan(MinProgressPercent, 1, nameof(MinProgressPercent));
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxRounds, 1, nameof(MaxRounds));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(AbortAfter, TimeSpan.Zero, nameof(AbortAfter));
        ArgumentOutOfRangeException.ThrowIfLessThan(StallRounds, 1, nameof(StallRounds));
        ThrowIfOutside(StallTolerancePercent, 0, 100, nameof(StallTolerancePercent));
        ArgumentOutOfRangeException.ThrowIfLessThan(ThrottleTargetPercent, MinProgressPercent, nameof(ThrottleTargetPercent));
        ThrowIfOutside(ThrottleStep, 0.001, 1, nameof(ThrottleStep));
        ThrowIfOutside(MaxThrottle, 0, 1, nameof(MaxThrottle));
        ArgumentOutOfRangeException.ThrowIfNegative(RefineRounds, nameof(RefineRounds));
        ThrowIfOutside(RefineGainPercent, 1, 100, nameof(RefineGainPercent));
        if (IfStalled is not (StallResponse.GiveUp or StallResponse.Force))
        {
            throw new ArgumentOutOfRangeException(nameof(IfStalled), IfStalled, "Either give up or force.");
        }
    }

    private static void ThrowIfOutside(double value, double least, double most, string name)
    {
        if (!(value >= least && value <= most))
        {
            throw new ArgumentOutOfRangeException(name, value, FormattableString.Invariant($"{least} to {most} is allowed."));
        }
    }
}
