namespace PageEngine.Cli.Output;

// Owns: the migration report as programs read it: every name here is part of the contract. The same document is what
// --json writes, what the history keeps and what the terminal report is drawn from.

/// <summary>One migration as one side, or both together, know it.</summary>
internal sealed record ReportDocument
{
    public required ulong MigrationId { get; init; }
    public required string Role { get; init; }
    public required string Outcome { get; init; }
    public FailureDocument? Failure { get; init; }
    public required GuestDocument Guest { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    public required string Peer { get; init; }
    public required long MemoryBytes { get; init; }
    public required int PageBytes { get; init; }
    public required int Streams { get; init; }
    public string? Tracer { get; init; }
    public TracerCountersDocument? TracerCounters { get; init; }
    public required IReadOnlyList<RoundDocument> Rounds { get; init; }
    public SwitchoverDocument? Switchover { get; init; }
    public required double TotalMs { get; init; }
    public required long WireBytes { get; init; }

    /// <summary>What the encoders saved and cost; null at the destination.</summary>
    public EncodingDocument? Encoding { get; init; }
    public double? ThroughputBytesPerSecond { get; init; }
    public required CpuDocument CpuSeconds { get; init; }
    public required VerifiedDocument Verified { get; init; }

    /// <summary>Gets how it was settled after its process had ended; left out when it was not.</summary>
    [System.Text.Json.Serialization.JsonIgnore(Condition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull)]
    public RecoveryDocument? Recovery { get; init; }
}

/// <summary>How a migration was settled that had been left in doubt, or whose process had died.</summary>
internal sealed record RecoveryDocument
{
    /// <summary>"runsHere", "runsElsewhere", "discarded" or "lost".</summary>
    public required string Outcome { get; init; }
    public required string Message { get; init; }
    public required DateTimeOffset At { get; init; }
}

/// <summary>Why a migration failed and where that left the guest.</summary>
internal sealed record FailureDocument
{
    public required string Kind { get; init; }
    public required string Phase { get; init; }
    public required string DetectedBy { get; init; }
    public required string Message { get; init; }

    /// <summary>What a person should do next.</summary>
    public string? WhatToDo { get; init; }

    /// <summary>Whether the other side noticed it and said so.</summary>
    public bool ReportedByPeer { get; init; }

    /// <summary>The causes beneath, outermost first.</summary>
    public string[] Causes { get; init; } = [];

    /// <summary>Everything that went wrong on this side, in the order in which it was noticed.</summary>
    public ObservationDocument[] Observations { get; init; } = [];

    /// <summary>"running" (at the source), "runningAtDestination", "held", "lost" or "unknown".</summary>
    public required string Guest { get; init; }
}

/// <summary>One thing that went wrong, as one role noticed it.</summary>
internal sealed record ObservationDocument
{
    /// <summary>Since the migration began on this side.</summary>
    public required double AtMs { get; init; }
    public required string DetectedBy { get; init; }
    public required string Kind { get; init; }
    public required string Message { get; init; }
    public bool ReportedByPeer { get; init; }
}

/// <summary>The guest and what it noticed of its move.</summary>
internal sealed record GuestDocument
{
    public required string Id { get; init; }
    public required ulong Epoch { get; init; }

    /// <summary>The longest time in which the guest did nothing, in milliseconds, by its own account.</summary>
    public double? LongestStallMs { get; init; }

    /// <summary>The same, around the switchover.</summary>
    public double? SwitchoverStallMs { get; init; }
    public long? Operations { get; init; }
}

/// <summary>What the encoders saved on the wire, and what they cost the sending threads.</summary>
internal sealed record EncodingDocument
{
    public required long SavedBytes { get; init; }
    public required double EncodingMs { get; init; }

    /// <summary>What of it went into learning the encoders' rates.</summary>
    public required double SamplingMs { get; init; }

    /// <summary>Not sent: the destination had them already.</summary>
    public required long UnchangedPages { get; init; }
    public required long DeltaPages { get; init; }
    public required long DeltaBytes { get; init; }
    public required long Lz4Pages { get; init; }
    public required long Lz4Bytes { get; init; }
    public required long ZstdPages { get; init; }
    public required long ZstdBytes { get; init; }

    /// <summary>Went through an encoder and did not become smaller.</summary>
    public required long StoredPages { get; init; }
}

/// <summary>What the write tracer did.</summary>
internal sealed record TracerCountersDocument
{
    public required long TracesInstalled { get; init; }
    public required long TracesFired { get; init; }
    public required long PagesCopied { get; init; }
}

/// <summary>One pre-copy round.</summary>
internal sealed record RoundDocument
{
    public required int Index { get; init; }
    public required long DirtyPages { get; init; }
    public required long SentPages { get; init; }
    public required long ZeroPages { get; init; }
    public required long WireBytes { get; init; }
    public required double DurationMs { get; init; }
    public required double TransmitBytesPerSecond { get; init; }
    public required double DirtyBytesPerSecond { get; init; }

    [System.Text.Json.Serialization.JsonPropertyName("t2dPercent")]
    public required double T2dPercent { get; init; }
}

/// <summary>The switchover: prediction beside reality.</summary>
internal sealed record SwitchoverDocument
{
    public required double GoalMs { get; init; }
    public required double? PredictedMs { get; init; }
    public required PredictedPartsDocument PredictedPartsMs { get; init; }
    public required double ActualMs { get; init; }
    public required long RemainingPages { get; init; }
    public required PartsDocument PartsMs { get; init; }
}

/// <summary>What was predicted, in milliseconds: the remaining pages, and everything that does not depend on them. Null: not
/// known.</summary>
internal sealed record PredictedPartsDocument
{
    public required double? Pages { get; init; }
    public required double? Fixed { get; init; }
}

/// <summary>The parts of the switchover in milliseconds, in the order they happen.</summary>
internal sealed record PartsDocument
{
    public required double Pause { get; init; }
    public required double Harvest { get; init; }
    public required double Pages { get; init; }
    public required double StateSave { get; init; }
    public required double StateTransfer { get; init; }
    public required double Restore { get; init; }
    public required double Commit { get; init; }
    public required double Resume { get; init; }
}

/// <summary>Processor time of the two processes.</summary>
internal sealed record CpuDocument
{
    public double? Source { get; init; }
    public double? Destination { get; init; }

    /// <summary>Whether the guest runs in them; false: it has processes of its own, whose time is not in these numbers.</summary>
    public bool GuestIncluded { get; init; } = true;
}

/// <summary>What was proven. Null: not checked by this side.</summary>
internal sealed record VerifiedDocument
{
    /// <summary>"identical" or "different".</summary>
    public string? Memory { get; init; }
    public long? PagesCompared { get; init; }
    public long? PagesDifferent { get; init; }

    /// <summary>"consistent" or "inconsistent".</summary>
    public string? Guest { get; init; }
    public string? GuestProblem { get; init; }
    public long? LostOperations { get; init; }
    public long? RepeatedOperations { get; init; }
}
