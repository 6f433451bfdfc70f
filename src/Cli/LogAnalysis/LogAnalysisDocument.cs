namespace PageEngine.Cli.LogAnalysis;

// Owns: what logs say about migrations, as programs read it.

/// <summary>Everything that was found.</summary>
internal sealed record LogAnalysisDocument
{
    public required IReadOnlyList<LogFileDocument> Files { get; init; }
    public required IReadOnlyList<LoggedMigrationDocument> Migrations { get; init; }

    /// <summary>Recognised lines that belong to no migration.</summary>
    public required long UnattachedLines { get; init; }

    /// <summary>Recognised lines that were too many to be kept.</summary>
    public required long LeftOutLines { get; init; }
}

/// <summary>One file.</summary>
internal sealed record LogFileDocument
{
    public required string Path { get; init; }

    /// <summary>The log that it is a part of, where it was rotated.</summary>
    public required string Log { get; init; }
    public required long Lines { get; init; }
    public required long RecognizedLines { get; init; }
    public required long CutOffLines { get; init; }
    public required long OverlongLines { get; init; }
}

/// <summary>One migration.</summary>
internal sealed record LoggedMigrationDocument
{
    /// <summary>Null where no line names one.</summary>
    public ulong? MigrationId { get; init; }
    public string? Guest { get; init; }

    /// <summary>The guest's number at the source, and at the destination.</summary>
    public long? SourceWorld { get; init; }
    public long? DestinationWorld { get; init; }
    public string? SourceAddress { get; init; }
    public string? DestinationAddress { get; init; }
    public string? StartedAt { get; init; }

    /// <summary>"utc", "noZone", "noYear", "uptime" or "none": what the times of the source's log count from.</summary>
    public required string Clock { get; init; }
    public ClockOffsetDocument? ClockOffset { get; init; }
    public required int Streams { get; init; }
    public long? MemoryBytes { get; init; }
    public required IReadOnlyList<LoggedRoundDocument> Rounds { get; init; }
    public LoggedPreCopyDocument? PreCopy { get; init; }
    public required LoggedSwitchoverDocument Switchover { get; init; }

    /// <summary>"completed", "failed", "cancelled", "inDoubt" or "unknown": the logs do not say.</summary>
    public required string Outcome { get; init; }
    public LoggedFailureDocument? Failure { get; init; }
    public required IReadOnlyList<string> Warnings { get; init; }
    public required IReadOnlyList<string> Missing { get; init; }
    public required IReadOnlyList<TimelineDocument> Timeline { get; init; }
}

/// <summary>How far the destination's clock is ahead of the source's: between the two bounds.</summary>
internal sealed record ClockOffsetDocument
{
    public required double DestinationAheadMs { get; init; }
    public required double UncertaintyMs { get; init; }

    /// <summary>How many events both hosts saw.</summary>
    public required int Events { get; init; }

    /// <summary>Whether the destination's times in the timeline are moved by it.</summary>
    public required bool Applied { get; init; }
}

/// <summary>One round, as far as its lines give it.</summary>
internal sealed record LoggedRoundDocument
{
    public required int Index { get; init; }
    public long? DirtyPages { get; init; }
    public long? SentPages { get; init; }
    public long? ZeroPages { get; init; }
    public long? WireBytes { get; init; }
    public double? DurationMs { get; init; }

    /// <summary>Pages that were dirty again when it ended.</summary>
    public long? LeftPages { get; init; }
    public double? TransmitBytesPerSecond { get; init; }
    public double? DirtyBytesPerSecond { get; init; }
    public double? T2dPercent { get; init; }
}

/// <summary>How the rounds ended.</summary>
internal sealed record LoggedPreCopyDocument
{
    public double? DurationMs { get; init; }

    /// <summary>"goal", "fewModified" or "forced".</summary>
    public required string StoppedBecause { get; init; }
    public long? RemainingPages { get; init; }
    public double? GoalMs { get; init; }
    public double? BandwidthBytesPerSecond { get; init; }
    public double? T2dPercent { get; init; }

    /// <summary>The pages of the last round, as the ratio gives them.</summary>
    public long? LastRoundPages { get; init; }
}

/// <summary>The switchover, as far as the lines give it.</summary>
internal sealed record LoggedSwitchoverDocument
{
    /// <summary>From the guest's last operation at the source to its first at the destination; null where no line says.</summary>
    public double? BlackoutMs { get; init; }

    /// <summary>How long a host says that the guest stood still there.</summary>
    public double? SourceStunMs { get; init; }
    public double? DestinationStunMs { get; init; }
    public double? StopToSentMs { get; init; }
    public double? SentToEndMs { get; init; }
    public double? DestinationWaitedMs { get; init; }
    public double? LimitMs { get; init; }
    public double? BandwidthBytesPerSecond { get; init; }
}

/// <summary>Why it failed.</summary>
internal sealed record LoggedFailureDocument
{
    /// <summary>The kind of the first cause; "unknown" where no line names one.</summary>
    public required string Kind { get; init; }
    public required string Message { get; init; }

    /// <summary>Whether the general message was logged, which names no cause.</summary>
    public required bool GeneralMessageLogged { get; init; }
    public required IReadOnlyList<LoggedCauseDocument> Causes { get; init; }
}

/// <summary>One line that says why.</summary>
internal sealed record LoggedCauseDocument
{
    public string? Side { get; init; }
    public required string At { get; init; }
    public required string Kind { get; init; }
    public required string Quote { get; init; }
    public string? Status { get; init; }

    /// <summary>Whether it follows from another failure, which it does not name.</summary>
    public required bool IsConsequence { get; init; }
}

/// <summary>One step.</summary>
internal sealed record TimelineDocument
{
    public required string At { get; init; }

    /// <summary>By the source's clock; null where the clocks cannot be compared.</summary>
    public double? SinceStartMs { get; init; }
    public string? Side { get; init; }

    /// <summary>What the line is about, as one word.</summary>
    public required string Kind { get; init; }
    public required string What { get; init; }
}
