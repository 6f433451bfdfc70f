using PageEngine.Cli.History;
using PageEngine.Memory;
using PageEngine.Recovery;
using PageEngine.Reporting;

namespace PageEngine.Cli.Output;

// Owns: what becomes of a migration's report when the migration is settled later. Pure.

/// <summary>Puts the settling of a migration into its report.</summary>
internal static class RecoveryMapping
{
    /// <summary>Makes the report of a migration that was settled after its process had ended.</summary>
    /// <param name="before">The report of the process; null when it died without one.</param>
    /// <param name="marker">What was noted at its beginning, where that is known.</param>
    /// <param name="result">What settling it came to.</param>
    /// <param name="at">When it was settled.</param>
    /// <param name="findings">What checking the guest found, when it came to run here and was checked.</param>
    public static ReportDocument Apply(
        ReportDocument? before, ActiveMarker? marker, RecoveryResult result, DateTimeOffset at, GuestFindings? findings = null)
    {
        OpenAttempt attempt = result.Attempt;
        bool source = attempt.Role == MigrationRole.Source;
        ReportDocument report = before ?? Begun(attempt, marker);
        (string outcome, string? kind, string whereabouts) = (result.Outcome, source) switch
        {
            (RecoveryOutcome.RunsHere, false) or (RecoveryOutcome.RunsElsewhere, true) => ("completed", null, "runningAtDestination"),
            (RecoveryOutcome.RunsHere, true) or (RecoveryOutcome.Discarded, _) => ("failed", "inDoubt", "running"),
            (RecoveryOutcome.Lost, _) => ("failed", "guestLost", "lost"),
            _ => ("inDoubt", "inDoubt", "held"),
        };
        return report with
        {
            Outcome = outcome,
            Failure = kind is null ? null : new FailureDocument
            {
                // Why the migration failed is known from before; that it is in doubt no longer is.
                Kind = kind == "inDoubt" && outcome == "failed" ? before?.Failure?.Kind is { } was && was != "inDoubt" ? was : "connectionLost" : kind,
                Phase = before?.Failure?.Phase ?? "resume",
                DetectedBy = before?.Failure?.DetectedBy ?? "supervisor",
                Message = result.Description,
                Guest = whereabouts,
            },
            Guest = report.Guest with
            {
                Epoch = result.Ownership?.Epoch ?? report.Guest.Epoch,
                Operations = findings?.Operations ?? report.Guest.Operations,
            },
            Verified = findings is null ? report.Verified : report.Verified with
            {
                Guest = findings.Consistent ? "consistent" : "inconsistent",
                GuestProblem = findings.Problem,
                LostOperations = findings.LostOperations,
                RepeatedOperations = findings.RepeatedOperations,
            },
            Recovery = new RecoveryDocument { Outcome = ReportMapping.Word(result.Outcome), Message = result.Description, At = at.ToUniversalTime() },
        };
    }

    private static ReportDocument Begun(OpenAttempt attempt, ActiveMarker? marker) => new()
    {
        MigrationId = attempt.MigrationId,
        Role = HeldGuests.RoleOf(attempt),
        Outcome = HistoryEntry.Interrupted,
        Guest = new GuestDocument { Id = attempt.GuestId.ToString(), Epoch = attempt.BaseEpoch },
        StartedAt = marker?.StartedAt ?? attempt.At.ToUniversalTime(),
        Peer = marker?.Peer ?? attempt.Peer,
        MemoryBytes = marker?.MemoryBytes ?? 0,
        PageBytes = MemoryLayout.PageBytes,
        Streams = 0,
        Rounds = [],
        TotalMs = 0,
        WireBytes = 0,
        CpuSeconds = new CpuDocument(),
        Verified = new VerifiedDocument(),
    };
}
