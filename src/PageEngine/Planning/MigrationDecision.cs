namespace PageEngine.Planning;

// Owns: what a policy answers after a round.

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
/// <param name="Forced">With <see cref="DecisionKind.SwitchOver"/>: whether the prediction is beyond the goal, and the
/// guest is moved because nothing better is to be had.</param>
public sealed record MigrationDecision(
    DecisionKind Kind,
    string Reason,
    double Throttle = 0,
    MigrationErrorKind Error = MigrationErrorKind.None,
    bool Forced = false);
