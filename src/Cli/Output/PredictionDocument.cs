using PageEngine.Planning;

namespace PageEngine.Cli.Output;

// Owns: a forecast as programs read it.

/// <summary>What pre-copy is expected to come to.</summary>
internal sealed record PredictionDocument
{
    public required long MemoryBytes { get; init; }
    public required double BandwidthBytesPerSecond { get; init; }
    public required double DirtyBytesPerSecond { get; init; }
    public long? WorkingSetBytes { get; init; }
    public required double GoalMs { get; init; }
    public required double FixedMs { get; init; }

    /// <summary>"goalMet", "stalled" or "roundLimit".</summary>
    public required string Outcome { get; init; }
    public required IReadOnlyList<PredictedRoundDocument> Rounds { get; init; }
    public required long LastPassBytes { get; init; }
    public required double LastPassMs { get; init; }
    public required double BlackoutMs { get; init; }
    public required double TotalMs { get; init; }
    public required long TotalBytes { get; init; }

    /// <summary>Makes the document of a forecast.</summary>
    public static PredictionDocument From(PreCopyModelInput input, PreCopyForecast forecast) => new()
    {
        MemoryBytes = input.MemoryBytes,
        BandwidthBytesPerSecond = input.BandwidthBytesPerSecond,
        DirtyBytesPerSecond = input.DirtyBytesPerSecond,
        WorkingSetBytes = input.WorkingSetBytes,
        GoalMs = input.Goal.TotalMilliseconds,
        FixedMs = input.Fixed.TotalMilliseconds,
        Outcome = ReportMapping.Word(forecast.Outcome),
        Rounds = [.. forecast.Rounds.Select(r => new PredictedRoundDocument
        {
            Index = r.Index,
            SentBytes = r.SentBytes,
            DurationMs = r.Duration.TotalMilliseconds,
            LeftBytes = r.LeftBytes,
        })],
        LastPassBytes = forecast.LastPassBytes,
        LastPassMs = forecast.LastPass.TotalMilliseconds,
        BlackoutMs = forecast.Blackout.TotalMilliseconds,
        TotalMs = forecast.Total.TotalMilliseconds,
        TotalBytes = forecast.TotalBytes,
    };
}

/// <summary>One round of a forecast.</summary>
internal sealed record PredictedRoundDocument
{
    public required int Index { get; init; }
    public required long SentBytes { get; init; }
    public required double DurationMs { get; init; }
    public required long LeftBytes { get; init; }
}
