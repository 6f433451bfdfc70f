namespace PageEngine.Planning;

// Owns: the answer of PreCopyModel, as numbers. How it is printed is the caller's.

/// <summary>How a forecast ends.</summary>
public enum PreCopyForecastOutcome
{
    /// <summary>Not a valid outcome.</summary>
    None = 0,

    /// <summary>The blackout is within the goal.</summary>
    GoalMet = 1,

    /// <summary>What remains has stopped shrinking: more rounds do not help.</summary>
    Stalled = 2,

    /// <summary>It still shrinks, but the rounds that are allowed are used up.</summary>
    RoundLimit = 3,
}

/// <summary>One round of a forecast.</summary>
/// <param name="Index">The round's number, from 0.</param>
/// <param name="SentBytes">How many bytes it sends.</param>
/// <param name="Duration">How long that takes.</param>
/// <param name="LeftBytes">How many bytes the guest wrote meanwhile.</param>
public readonly record struct PreCopyForecastRound(int Index, long SentBytes, TimeSpan Duration, long LeftBytes);

/// <summary>What pre-copy is expected to come to.</summary>
/// <param name="Outcome">How it ends.</param>
/// <param name="Rounds">The rounds, oldest first, without the last pass.</param>
/// <param name="LastPassBytes">What is sent while the guest stands still.</param>
/// <param name="LastPass">How long that takes.</param>
/// <param name="Blackout">The last pass and the fixed part; where the goal is not met, what forcing would cost.</param>
/// <param name="Total">The time from the first byte to the guest running at the destination.</param>
/// <param name="TotalBytes">All bytes sent, the last pass included.</param>
public sealed record PreCopyForecast(
    PreCopyForecastOutcome Outcome,
    IReadOnlyList<PreCopyForecastRound> Rounds,
    long LastPassBytes,
    TimeSpan LastPass,
    TimeSpan Blackout,
    TimeSpan Total,
    long TotalBytes);
