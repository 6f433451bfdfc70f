using System.Globalization;
using PageEngine.Planning;

namespace PageEngine.Simulation;

// Owns: what came of a run. Immutable.

/// <summary>Where the guest was when a run ended.</summary>
public enum SimulationOutcome
{
    /// <summary>Not a valid outcome.</summary>
    None = 0,

    /// <summary>It runs at the source.</summary>
    RunsAtSource = 1,

    /// <summary>It runs at the destination.</summary>
    RunsAtDestination = 2,

    /// <summary>It is held, for a reason that the protocol allows; see <see cref="SimulationResult.Hold"/>.</summary>
    Held = 3,

    /// <summary>No complete copy survived what the hosts went through.</summary>
    Lost = 4,

    /// <summary>A promise was broken.</summary>
    Violated = 5,

    /// <summary>The limit of time or steps was reached while the guest was being copied.</summary>
    Unfinished = 6,
}

/// <summary>A promise that can be broken.</summary>
public enum SimulationPromise
{
    /// <summary>Not a promise.</summary>
    None = 0,

    /// <summary>At most one guest is active.</summary>
    OneActive = 1,

    /// <summary>At most one epoch has effects, and it is the highest.</summary>
    OneEpochHasEffects = 2,

    /// <summary>No copy runs that lacks a page or the newest version of one.</summary>
    NeverIncomplete = 3,

    /// <summary>The last complete copy is never given up, and not reported lost while it survives.</summary>
    NoStateLost = 4,

    /// <summary>Epochs only grow.</summary>
    EpochsGrow = 5,

    /// <summary>Memory is freed only after the other side has run or was decided for.</summary>
    FreedOnlyAfterCommit = 6,

    /// <summary>Every message that was sent may come again and changes nothing.</summary>
    ReplaysAreHarmless = 7,

    /// <summary>What has ended leaves no timer, no work, no open journal and no memory behind.</summary>
    CleanupLeavesNothing = 8,

    /// <summary>Once faults cease somebody runs, or a side says why not.</summary>
    SomebodyRuns = 9,

    /// <summary>No side meets an event that its table cannot take.</summary>
    EveryEventIsExpected = 10,
}

/// <summary>A broken promise.</summary>
/// <param name="Promise">Which one.</param>
/// <param name="Step">After which step.</param>
/// <param name="At">When, in virtual time.</param>
/// <param name="What">One sentence.</param>
public sealed record SimulationViolation(SimulationPromise Promise, long Step, TimeSpan At, string What)
{
    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Promise}: {What} (step {Step}, {At.TotalMilliseconds:0.000} ms)");
}

/// <summary>One line of a trace.</summary>
/// <param name="Step">The step.</param>
/// <param name="At">The virtual time.</param>
/// <param name="Who">Who did it: a side and its attempt, the store, the network, a fault.</param>
/// <param name="What">What happened.</param>
public readonly record struct SimulationTraceEntry(long Step, TimeSpan At, string Who, string What)
{
    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{At.TotalMilliseconds,12:0.000} ms  {Who,-14} {What}");
}

/// <summary>What came of a run.</summary>
public sealed record SimulationResult
{
    /// <summary>Gets where the guest is.</summary>
    public required SimulationOutcome Outcome { get; init; }

    /// <summary>Gets the first broken promise, which ended the run; null when all were kept.</summary>
    public SimulationViolation? Violation { get; init; }

    /// <summary>Gets the reason of a hold; empty when nobody holds.</summary>
    public string Hold { get; init; } = "";

    /// <summary>Gets how many steps were made; every promise was checked after each.</summary>
    public required long Steps { get; init; }

    /// <summary>Gets the virtual time that passed.</summary>
    public required TimeSpan VirtualTime { get; init; }

    /// <summary>Gets the epoch under which the guest runs, or last ran.</summary>
    public required ulong Epoch { get; init; }

    /// <summary>Gets how many attempts were begun.</summary>
    public required int Attempts { get; init; }

    /// <summary>Gets the newest attempt's rounds, oldest first, without the last pass.</summary>
    public required IReadOnlyList<RoundStatistics> Rounds { get; init; }

    /// <summary>Gets the newest decision of the policy; null before the first.</summary>
    public MigrationDecision? Decision { get; init; }

    /// <summary>Gets the prediction that went with it; null before the first.</summary>
    public SwitchoverPrediction? Predicted { get; init; }

    /// <summary>Gets how many pages were sent while the guest stood still, in the newest attempt.</summary>
    public required long RemainingPages { get; init; }

    /// <summary>Gets the longest time for which the guest stood still and then ran again; zero when it never stood.</summary>
    public required TimeSpan Blackout { get; init; }

    /// <summary>Gets how many times a fault did something.</summary>
    public required long FaultsApplied { get; init; }

    /// <summary>Gets a number that two runs share only if they were the same in every step.</summary>
    public required ulong Fingerprint { get; init; }

    /// <summary>Gets what happened, when the options asked for it.</summary>
    public required IReadOnlyList<SimulationTraceEntry> Trace { get; init; }
}
