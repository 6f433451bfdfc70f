using PageEngine.Ownership;
using PageEngine.Reporting;

namespace PageEngine.Recovery;

// Owns: what a journal that was left behind says, for people and for whoever settles it.

/// <summary>How far an attempt had certainly come on this host.</summary>
public enum AttemptProgress
{
    /// <summary>Nothing is at stake: the destination cannot have been asked to prepare, or was never prepared.</summary>
    Unprepared = 0,

    /// <summary>Source: the destination may be prepared, so the record decides.</summary>
    MayBePrepared = 1,

    /// <summary>Destination: the copy was complete.</summary>
    Prepared = 2,

    /// <summary>Destination: the guest was being given back.</summary>
    HandingBack = 3,

    /// <summary>Destination: the guest may have run there.</summary>
    Resuming = 4,

    /// <summary>Destination: the guest ran there.</summary>
    Running = 5,
}

/// <summary>An attempt to migrate that has not ended on this host, as its journal knows it.</summary>
public sealed record OpenAttempt
{
    /// <summary>Gets the migration's id, the same on both hosts; 0 when the journal is damaged.</summary>
    public required ulong MigrationId { get; init; }

    /// <summary>Gets which side of the migration this host is.</summary>
    public required MigrationRole Role { get; init; }

    /// <summary>Gets the guest.</summary>
    public required Guid GuestId { get; init; }

    /// <summary>Gets the attempt's token.</summary>
    public required AttemptId Attempt { get; init; }

    /// <summary>Gets the epoch from which the attempt started.</summary>
    public required ulong BaseEpoch { get; init; }

    /// <summary>Gets how far it had come.</summary>
    public required AttemptProgress Progress { get; init; }

    /// <summary>Gets the description of the ownership store; empty when there is none.</summary>
    public required string Store { get; init; }

    /// <summary>Gets the peer's address, as the journal has it.</summary>
    public required string Peer { get; init; }

    /// <summary>Gets when the journal was written last, by this host's clock.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>Gets whether the process that runs the attempt lives: it holds the journal's lock.</summary>
    public required bool ProcessIsAlive { get; init; }

    /// <summary>Gets whether it is this process in which the guest came to run, and only the store does not know yet: settling
    /// the attempt here tells it.</summary>
    public bool RunsInThisProcess { get; init; }

    /// <summary>Gets the journal's path.</summary>
    public required string JournalPath { get; init; }

    /// <summary>Gets what is wrong with the journal; null when it can be read.</summary>
    public string? Damage { get; init; }

    /// <summary>Gets whether an ownership store decides, not an operator.</summary>
    public bool HasStore => Store.Length > 0;
}
