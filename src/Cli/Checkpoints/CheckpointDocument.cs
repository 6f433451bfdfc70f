using System.Globalization;
using PageEngine.Checkpoints;
using PageEngine.Cli.Output;
using PageEngine.Memory;
using PageEngine.Planning;

namespace PageEngine.Cli.Checkpoints;

// Owns: what the checkpoint commands say to programs. Names are never reused; units are in the names.

/// <summary>The JSON of a checkpoint command.</summary>
internal sealed record CheckpointDocument
{
    public required string Command { get; init; }
    public required string File { get; init; }
    public required Guid GuestId { get; init; }
    public required string Kind { get; init; }
    public required ulong Epoch { get; init; }
    public required bool Suspended { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required long MemoryBytes { get; init; }
    public required int Regions { get; init; }
    public required long FileBytes { get; init; }
    public required long DataPages { get; init; }
    public required long EqualPages { get; init; }
    public required long ZeroPages { get; init; }
    public required string Digest { get; init; }
    public string? Parent { get; init; }
    public IReadOnlyList<CheckpointRoundDocument> Rounds { get; init; } = [];
    public long? ReplacedPages { get; init; }
    public double? PauseMs { get; init; }
    public double? TotalMs { get; init; }
    public double? BytesPerSecond { get; init; }
    public double? ComparedMs { get; init; }
    public double? RunningMs { get; init; }
    public double? FirstOperationMs { get; init; }
    public double? CpuSeconds { get; init; }
    public long? ChangedPages { get; init; }
    public IReadOnlyList<string>? ChangedDevices { get; init; }
    public VerifiedDocument? Verified { get; init; }

    /// <summary>Makes the part that is about the checkpoint itself.</summary>
    public static CheckpointDocument From(string command, string file, CheckpointInfo checkpoint) => new()
    {
        Command = command,
        File = file,
        GuestId = checkpoint.GuestId,
        Kind = checkpoint.Description.Kind,
        Epoch = checkpoint.Epoch,
        Suspended = checkpoint.IsSuspended,
        CreatedAt = checkpoint.CreatedAt,
        MemoryBytes = checkpoint.Layout.Bytes,
        Regions = checkpoint.Layout.Regions.Count,
        FileBytes = checkpoint.FileBytes,
        DataPages = checkpoint.DataPages,
        EqualPages = checkpoint.EqualPages,
        ZeroPages = checkpoint.ZeroPages,
        Digest = checkpoint.Digest.ToString("x32", CultureInfo.InvariantCulture),
        Parent = checkpoint.ParentDigest is null ? null : checkpoint.ParentName,
    };

    /// <summary>Adds how it was written.</summary>
    public CheckpointDocument With(CheckpointReport report, double cpuSeconds) => this with
    {
        Rounds = [.. report.Rounds.Select(CheckpointRoundDocument.From)],
        ReplacedPages = report.ReplacedPages,
        PauseMs = report.Pause?.TotalMilliseconds,
        TotalMs = report.Total.TotalMilliseconds,
        BytesPerSecond = (DataPages + EqualPages) * (double)MemoryLayout.PageBytes / Math.Max(1e-6, report.Total.TotalSeconds),
        CpuSeconds = cpuSeconds,
    };

    /// <summary>Adds what checking the guest found.</summary>
    public CheckpointDocument With(GuestFindings? findings) => findings is null ? this : this with
    {
        Verified = new VerifiedDocument
        {
            Guest = findings.Consistent ? "consistent" : "inconsistent",
            GuestProblem = findings.Problem,
            LostOperations = findings.LostOperations,
            RepeatedOperations = findings.RepeatedOperations,
        },
    };
}

/// <summary>One round of a checkpoint.</summary>
internal sealed record CheckpointRoundDocument
{
    public required int Index { get; init; }
    public required long DirtyPages { get; init; }
    public required long StoredPages { get; init; }
    public required long FileBytes { get; init; }
    public required double DurationMs { get; init; }

    public static CheckpointRoundDocument From(RoundStatistics round) => new()
    {
        Index = round.Index,
        DirtyPages = round.DirtyPages,
        StoredPages = round.SentPages,
        FileBytes = round.WireBytes,
        DurationMs = round.Duration.TotalMilliseconds,
    };
}
