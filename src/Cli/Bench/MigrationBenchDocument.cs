using PageEngine.Cli.Output;

namespace PageEngine.Cli.Bench;

// Owns: what repeated migrations came to, as programs read it.

/// <summary>All cases of one `bench migrate`.</summary>
internal sealed record MigrationBenchDocument
{
    public required BenchHost Source { get; init; }
    public required string Destination { get; init; }
    public required long MemoryBytes { get; init; }
    public required IReadOnlyList<MigrationCaseDocument> Cases { get; init; }
}

/// <summary>One workload, moved several times, each time by new processes.</summary>
internal sealed record MigrationCaseDocument
{
    public required string Workload { get; init; }
    public required int Runs { get; init; }
    public required int Completed { get; init; }
    public required Spread? TotalMs { get; init; }
    public required Spread? BlackoutMs { get; init; }

    /// <summary>What was predicted, divided by what was measured: 1 is a prediction that came true.</summary>
    public required Spread? PredictedToActual { get; init; }
    public required Spread? Rounds { get; init; }
    public required Spread? WireBytes { get; init; }
    public required Spread? ThroughputBytesPerSecond { get; init; }
    public required Spread? CpuSecondsSource { get; init; }
    public required Spread? CpuSecondsDestination { get; init; }
    public required IReadOnlyList<string> Failures { get; init; }

    /// <summary>Makes the document of a case.</summary>
    public static MigrationCaseDocument From(string workload, IReadOnlyList<ReportDocument> reports, IReadOnlyList<string> failures)
    {
        ReportDocument[] done = [.. reports.Where(r => r.Switchover is not null && r.Outcome == "completed")];
        return new MigrationCaseDocument
        {
            Workload = workload,
            Runs = reports.Count + failures.Count,
            Completed = done.Length,
            TotalMs = Spread.Of(done.Select(r => (double?)r.TotalMs)),
            BlackoutMs = Spread.Of(done.Select(r => (double?)r.Switchover!.ActualMs)),
            PredictedToActual = Spread.Of(done.Select(r => r.Switchover!.PredictedMs / r.Switchover.ActualMs)),
            Rounds = Spread.Of(done.Select(r => (double?)r.Rounds.Count)),
            WireBytes = Spread.Of(done.Select(r => (double?)r.WireBytes)),
            ThroughputBytesPerSecond = Spread.Of(done.Select(r => r.ThroughputBytesPerSecond)),
            CpuSecondsSource = Spread.Of(done.Select(r => r.CpuSeconds.Source)),
            CpuSecondsDestination = Spread.Of(done.Select(r => r.CpuSeconds.Destination)),
            Failures = [.. failures, .. reports.Where(r => r.Outcome != "completed").Select(r => r.Failure?.Message ?? r.Outcome)],
        };
    }
}
