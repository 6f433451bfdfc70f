using PageEngine.Guests;
using PageEngine.Ownership;

namespace PageEngine.Recovery;

// Owns: what settling an attempt came to.

/// <summary>Where the guest is, seen from this host.</summary>
public enum RecoveryOutcome
{
    /// <summary>Not a valid outcome.</summary>
    None = 0,

    /// <summary>The guest runs here.</summary>
    RunsHere = 1,

    /// <summary>The guest runs, or ran on, at the other side; nothing of it is here.</summary>
    RunsElsewhere = 2,

    /// <summary>This side has nothing of the guest and never runs it; the other side may.</summary>
    Discarded = 3,

    /// <summary>This side owned the guest, and its memory is gone.</summary>
    Lost = 4,

    /// <summary>Not settled: the attempt stays open, for the reason that is given.</summary>
    Held = 5,

    /// <summary>What the operator said is proven wrong by the record; nothing was changed.</summary>
    Refused = 6,

    /// <summary>The process that runs the attempt lives: nothing was touched.</summary>
    ProcessIsAlive = 7,
}

/// <summary>What settling an attempt came to.</summary>
/// <param name="Attempt">The attempt.</param>
/// <param name="Outcome">Where the guest is.</param>
/// <param name="Description">What was found and done, in sentences, with what to do next where something is.</param>
public sealed record RecoveryResult(OpenAttempt Attempt, RecoveryOutcome Outcome, string Description)
{
    /// <summary>Gets the guest: running under <see cref="Ownership"/> when it was started here; paused when it was opened and is held
    /// all the same; null otherwise, also when it ran in this
    /// process before (<see cref="OpenAttempt.RunsInThisProcess"/>). The caller owns it and its memory.</summary>
    public IGuest? Guest { get; init; }

    /// <summary>Gets the right under which the guest runs here; null when it does not.</summary>
    public GuestOwnership? Ownership { get; init; }

    /// <summary>Gets the error that stood in the way; null when none did.</summary>
    public MigrationException? Failure { get; init; }

    /// <summary>Gets whether nothing is left to settle here: the journal is gone.</summary>
    public bool IsSettled => Outcome is RecoveryOutcome.RunsHere or RecoveryOutcome.RunsElsewhere or RecoveryOutcome.Discarded or RecoveryOutcome.Lost;
}

/// <summary>What is known about an attempt without settling it.</summary>
/// <param name="Journal">What this side's journal says.</param>
/// <param name="Record">What the record says now.</param>
/// <param name="Next">What settling it would do.</param>
public sealed record RecoveryOutlook(string Journal, string Record, string Next);
