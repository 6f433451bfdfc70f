using PageEngine.Cli.Output;
using PageEngine.Recovery;

namespace PageEngine.Cli.History;

// Owns: one line of the lists.

/// <summary>A migration of this host as the lists show it.</summary>
internal sealed record HistoryEntry
{
    /// <summary>The outcome of a migration that is still running.</summary>
    public const string Running = "running";

    /// <summary>The outcome of a migration whose process ended before it did.</summary>
    public const string Interrupted = "interrupted";

    public required ulong MigrationId { get; init; }
    public required string Role { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    public required string GuestId { get; init; }
    public required string Peer { get; init; }
    public required string Outcome { get; init; }
    public string? FailureKind { get; init; }
    public required long MemoryBytes { get; init; }
    public long? WireBytes { get; init; }
    public double? TotalMs { get; init; }
    public double? BlackoutMs { get; init; }
    public int? ProcessId { get; init; }

    /// <summary>Gets the whole report, when the migration ended.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public ReportDocument? Report { get; init; }

    /// <summary>Gets what its journal says while it is not settled on this side; null otherwise.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public OpenAttempt? Open { get; init; }

    /// <summary>Gets whether nobody knows yet who has the guest, and nobody is about to find out.</summary>
    public bool InDoubt => (Outcome == "inDoubt" && Report?.Recovery is null)
        || (Open is { ProcessIsAlive: false } && Open.Progress != AttemptProgress.Unprepared);

    /// <summary>Makes the entry of a migration that ended.</summary>
    public static HistoryEntry Ended(ReportDocument report) => new()
    {
        MigrationId = report.MigrationId,
        Role = report.Role,
        StartedAt = report.StartedAt,
        GuestId = report.Guest.Id,
        Peer = report.Peer,
        Outcome = report.Outcome,
        FailureKind = report.Failure?.Kind,
        MemoryBytes = report.MemoryBytes,
        WireBytes = report.WireBytes,
        TotalMs = report.TotalMs,
        BlackoutMs = report.Switchover?.ActualMs,
        Report = report,
    };

    /// <summary>Makes the entry of a migration that has a marker and no report.</summary>
    public static HistoryEntry Begun(ActiveMarker marker, bool alive) => new()
    {
        MigrationId = marker.MigrationId,
        Role = marker.Role,
        StartedAt = marker.StartedAt,
        GuestId = marker.GuestId,
        Peer = marker.Peer,
        Outcome = alive ? Running : Interrupted,
        MemoryBytes = marker.MemoryBytes,
        ProcessId = marker.ProcessId,
    };

    /// <summary>Tells whether a list shows this entry.</summary>
    /// <param name="list">"active", "history", "failed", or null for everything.</param>
    public bool BelongsTo(string? list) => list switch
    {
        "active" => Outcome == Running,
        "history" => Outcome != Running,
        "failed" => Outcome is "failed" or "inDoubt" or Interrupted || InDoubt,
        _ => true,
    };
}

/// <summary>The lists as programs read them.</summary>
internal sealed record MigrationListDocument
{
    public required IReadOnlyList<HistoryEntry> Migrations { get; init; }
}
