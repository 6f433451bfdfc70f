using PageEngine.Compression;
using PageEngine.Planning;

namespace PageEngine.Reporting;

// Owns: what is known about a migration after the fact. Times are durations; how it is printed is the caller's.

/// <summary>Which side a report is from.</summary>
public enum MigrationRole
{
    /// <summary>Not a valid role.</summary>
    None = 0,

    /// <summary>The side the guest leaves.</summary>
    Source = 1,

    /// <summary>The side the guest goes to.</summary>
    Destination = 2,
}

/// <summary>How a migration ended.</summary>
public enum MigrationOutcome
{
    /// <summary>It has not ended.</summary>
    None = 0,

    /// <summary>The guest runs at the destination.</summary>
    Completed = 1,

    /// <summary>Cancelled; the guest runs at the source.</summary>
    Cancelled = 2,

    /// <summary>Failed; <see cref="MigrationFailure.Guest"/> says where the guest is.</summary>
    Failed = 3,

    /// <summary>Not known to this side; the guest is held here.</summary>
    InDoubt = 4,
}

/// <summary>Where a failure left the guest, as this side knows it.</summary>
public enum GuestWhereabouts
{
    /// <summary>Not known.</summary>
    Unknown = 0,

    /// <summary>It runs on at the source.</summary>
    RunningAtSource = 1,

    /// <summary>It runs at the destination.</summary>
    RunningAtDestination = 2,

    /// <summary>It is paused and held.</summary>
    Held = 3,

    /// <summary>No complete copy survived.</summary>
    Lost = 4,
}

/// <summary>Why a migration failed.</summary>
/// <param name="Kind">What went wrong.</param>
/// <param name="Phase">Where in the migration.</param>
/// <param name="DetectedBy">Who noticed.</param>
/// <param name="Message">One sentence for a person, with what to do next.</param>
/// <param name="Guest">Where the guest is.</param>
public sealed record MigrationFailure(
    MigrationErrorKind Kind,
    MigrationPhase Phase,
    DetectedBy DetectedBy,
    string Message,
    GuestWhereabouts Guest)
{
    /// <summary>Gets whether the peer noticed it and said so.</summary>
    public bool ReportedByPeer { get; init; }

    /// <summary>Gets the causes beneath, outermost first.</summary>
    public IReadOnlyList<string> Causes { get; init; } = [];

    /// <summary>Gets what a person should do next.</summary>
    public string WhatToDo { get; init; } = "";

    /// <summary>Gets everything that this side's roles noticed, in order; the first is where it began.</summary>
    public IReadOnlyList<FailureObservation> Observations { get; init; } = [];
}

/// <summary>One thing that went wrong, as one role noticed it.</summary>
/// <param name="At">When, since the migration began on this side.</param>
/// <param name="DetectedBy">Who noticed.</param>
/// <param name="Kind">What.</param>
/// <param name="Phase">Where in the migration; none where the role could not tell.</param>
/// <param name="Message">In words.</param>
/// <param name="ReportedByPeer">Whether the peer noticed it and said so.</param>
public sealed record FailureObservation(
    TimeSpan At, DetectedBy DetectedBy, MigrationErrorKind Kind, MigrationPhase Phase, string Message, bool ReportedByPeer);

/// <summary>The parts of a switchover, in the order they happen. Parts measured at the destination were sent over.</summary>
public sealed record SwitchoverParts
{
    /// <summary>Gets the time until no virtual CPU ran.</summary>
    public TimeSpan Pause { get; init; }

    /// <summary>Gets the time of the last collects.</summary>
    public TimeSpan Harvest { get; init; }

    /// <summary>Gets the time to send the remaining pages, until the destination acknowledged them.</summary>
    public TimeSpan Pages { get; init; }

    /// <summary>Gets the time to save the device state.</summary>
    public TimeSpan StateSave { get; init; }

    /// <summary>Gets the time to send the device state and the prepare request, and for the answer to come back, beside the restore.</summary>
    public TimeSpan StateTransfer { get; init; }

    /// <summary>Gets the time to check and load at the destination.</summary>
    public TimeSpan Restore { get; init; }

    /// <summary>Gets the time to create the next epoch and for the destination to read it.</summary>
    public TimeSpan Commit { get; init; }

    /// <summary>Gets the time from the commit to the guest running at the destination.</summary>
    public TimeSpan Resume { get; init; }

    /// <summary>Gets the sum.</summary>
    public TimeSpan Total => Pause + Harvest + Pages + StateSave + StateTransfer + Restore + Commit + Resume;
}

/// <summary>The switchover: what was promised and what came of it.</summary>
public sealed record SwitchoverReport
{
    /// <summary>Gets the goal.</summary>
    public required TimeSpan Goal { get; init; }

    /// <summary>Gets the prediction made just before the pause.</summary>
    public required SwitchoverPrediction Predicted { get; init; }

    /// <summary>Gets the blackout: from the guest's last operation at the source to its first at the destination.</summary>
    public required TimeSpan Actual { get; init; }

    /// <summary>Gets how many pages were sent while the guest stood still.</summary>
    public required long RemainingPages { get; init; }

    /// <summary>Gets the parts.</summary>
    public required SwitchoverParts Parts { get; init; }
}

/// <summary>Everything known about one migration on one side. Immutable.</summary>
public sealed record MigrationReport
{
    /// <summary>Gets the migration's id, the same on both hosts.</summary>
    public required ulong MigrationId { get; init; }

    /// <summary>Gets which side this is from.</summary>
    public required MigrationRole Role { get; init; }

    /// <summary>Gets how it ended.</summary>
    public required MigrationOutcome Outcome { get; init; }

    /// <summary>Gets why it failed; null when it did not.</summary>
    public MigrationFailure? Failure { get; init; }

    /// <summary>Gets the guest's identity.</summary>
    public required Guid GuestId { get; init; }

    /// <summary>Gets the epoch the guest runs under, or would: as this side knows it.</summary>
    public required ulong Epoch { get; init; }

    /// <summary>Gets when the migration began, by this host's clock.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>Gets the peer, for people.</summary>
    public required string Peer { get; init; }

    /// <summary>Gets the guest's memory in bytes.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>Gets the number of page streams.</summary>
    public required int Streams { get; init; }

    /// <summary>Gets the name of the tracer ("kernel", "explicit"); empty at the destination.</summary>
    public required string Tracer { get; init; }

    /// <summary>Gets the tracer's counters at the end.</summary>
    public Tracing.WriteTracerCounters TracerCounters { get; init; }

    /// <summary>Gets the rounds, oldest first, without the last pass.</summary>
    public required IReadOnlyList<RoundStatistics> Rounds { get; init; }

    /// <summary>Gets the switchover; null when it never began.</summary>
    public SwitchoverReport? Switchover { get; init; }

    /// <summary>Gets the time from the start to the end on this side.</summary>
    public required TimeSpan Total { get; init; }

    /// <summary>Gets all bytes of the page streams.</summary>
    public required long WireBytes { get; init; }

    /// <summary>Gets what the encoders saved and cost; all zero at the destination.</summary>
    public EncodingReport Encoding { get; init; } = new();

    /// <summary>Gets the acknowledged wire bytes per second over all rounds; null when too little was sent to tell.</summary>
    public double? ThroughputBytesPerSecond { get; init; }

    /// <summary>Gets the processor time that the source's process used meanwhile, guest included; null when not known.</summary>
    public TimeSpan? SourceCpu { get; init; }

    /// <summary>Gets the same of the destination's process.</summary>
    public TimeSpan? DestinationCpu { get; init; }

    /// <summary>Gets what verification found; null when it was not asked for.</summary>
    public MemoryVerification? Memory { get; init; }
}

/// <summary>What comparing the two memories found.</summary>
/// <param name="PagesCompared">How many pages.</param>
/// <param name="PagesDifferent">How many differed; 0 is the only good answer.</param>
/// <param name="FirstDifferentPage">The lowest one that differed, or -1.</param>
public sealed record MemoryVerification(long PagesCompared, long PagesDifferent, long FirstDifferentPage)
{
    /// <summary>Gets whether every page was the same.</summary>
    public bool Identical => PagesDifferent == 0;
}
