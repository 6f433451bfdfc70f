namespace PageEngine.Planning;

// Owns: the operator's answer to a guest that does not converge.

/// <summary>What to do when nothing converges and neither throttle nor post-copy is to be had.</summary>
public enum StallResponse
{
    /// <summary>Not a valid answer.</summary>
    None = 0,

    /// <summary>End the migration; the guest runs on at the source.</summary>
    GiveUp = 1,

    /// <summary>Switch over at the local minimum of remaining pages, although it takes longer than the goal, as long as the
    /// remaining copy time is under <see cref="SwitchoverTimeGoalOptions.AbortAfter"/>.</summary>
    Force = 2,
}
