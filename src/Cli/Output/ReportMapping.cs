using System.Text.Json;
using PageEngine.Compression;
using PageEngine.Memory;
using PageEngine.Planning;
using PageEngine.Reporting;

namespace PageEngine.Cli.Output;

// Owns: the way from what the sessions and the guest say to the report document. Pure.

/// <summary>Makes report documents.</summary>
internal static class ReportMapping
{
    /// <summary>Makes the document of one side.</summary>
    /// <param name="report">The session's report.</param>
    /// <param name="findings">What checking the guest found; null when it was not checked here.</param>
    /// <param name="longestStall">The longest stall as the guest saw it.</param>
    /// <param name="switchoverStall">The stall at the switchover as the guest saw it; null when it did not move here.</param>
    public static ReportDocument ToDocument(
        MigrationReport report, GuestFindings? findings = null, TimeSpan? longestStall = null, TimeSpan? switchoverStall = null) => new()
        {
            MigrationId = report.MigrationId,
            Role = Word(report.Role),
            Outcome = Word(report.Outcome),
            Failure = report.Failure is { } failure ? ToDocument(failure) : null,
            Guest = new GuestDocument
            {
                Id = report.GuestId.ToString(),
                Epoch = report.Epoch,
                LongestStallMs = Ms(longestStall),
                SwitchoverStallMs = Ms(switchoverStall),
                Operations = findings?.Operations,
            },
            StartedAt = report.StartedAt.ToUniversalTime(),
            Peer = report.Peer,
            MemoryBytes = report.MemoryBytes,
            PageBytes = MemoryLayout.PageBytes,
            Streams = report.Streams,
            Tracer = report.Tracer.Length == 0 ? null : report.Tracer,
            TracerCounters = report.Tracer.Length == 0 ? null : new TracerCountersDocument
            {
                TracesInstalled = report.TracerCounters.TracesInstalled,
                TracesFired = report.TracerCounters.TracesFired,
                PagesCopied = report.TracerCounters.PagesCopied,
            },
            Rounds = [.. report.Rounds.Select(ToDocument)],
            Switchover = report.Switchover is { } switchover ? ToDocument(switchover) : null,
            TotalMs = Ms(report.Total),
            WireBytes = report.WireBytes,
            Encoding = report.Role == MigrationRole.Source ? ToDocument(report.Encoding) : null,
            ThroughputBytesPerSecond = report.ThroughputBytesPerSecond is { } rate ? Math.Round(rate) : null,
            CpuSeconds = new CpuDocument
            {
                Source = report.SourceCpu is { } source ? Math.Round(source.TotalSeconds, 4) : null,
                Destination = report.DestinationCpu is { } destination ? Math.Round(destination.TotalSeconds, 4) : null,
            },
            Verified = Verified(report.Memory, findings),
        };

    private static EncodingDocument ToDocument(EncodingReport encoding) => new()
    {
        SavedBytes = encoding.SavedBytes,
        EncodingMs = Ms(encoding.EncodingTime),
        SamplingMs = Ms(encoding.SamplingTime),
        UnchangedPages = encoding.UnchangedPages,
        DeltaPages = encoding.DeltaPages,
        DeltaBytes = encoding.DeltaBytes,
        Lz4Pages = encoding.Lz4Pages,
        Lz4Bytes = encoding.Lz4Bytes,
        ZstdPages = encoding.ZstdPages,
        ZstdBytes = encoding.ZstdBytes,
        StoredPages = encoding.StoredPages,
    };

    /// <summary>Puts what only the destination could see into the source's document.</summary>
    /// <param name="source">The source's document.</param>
    /// <param name="destination">The document that the destination's process wrote.</param>
    public static ReportDocument Merge(ReportDocument source, ReportDocument destination) => source with
    {
        Guest = source.Guest with
        {
            Epoch = Math.Max(source.Guest.Epoch, destination.Guest.Epoch),
            LongestStallMs = destination.Guest.LongestStallMs ?? source.Guest.LongestStallMs,
            SwitchoverStallMs = destination.Guest.SwitchoverStallMs ?? source.Guest.SwitchoverStallMs,
            Operations = destination.Guest.Operations ?? source.Guest.Operations,
        },
        CpuSeconds = new CpuDocument
        {
            Source = source.CpuSeconds.Source ?? destination.CpuSeconds.Source,
            Destination = destination.CpuSeconds.Destination ?? source.CpuSeconds.Destination,
        },
        Verified = source.Verified with
        {
            Memory = source.Verified.Memory ?? destination.Verified.Memory,
            PagesCompared = source.Verified.PagesCompared ?? destination.Verified.PagesCompared,
            PagesDifferent = source.Verified.PagesDifferent ?? destination.Verified.PagesDifferent,
            Guest = destination.Verified.Guest ?? source.Verified.Guest,
            GuestProblem = destination.Verified.GuestProblem ?? source.Verified.GuestProblem,
            LostOperations = destination.Verified.LostOperations ?? source.Verified.LostOperations,
            RepeatedOperations = destination.Verified.RepeatedOperations ?? source.Verified.RepeatedOperations,
        },
    };

    /// <summary>Gets the findings that a document carries; null when the guest was not checked.</summary>
    public static GuestFindings? Findings(ReportDocument document) => document.Verified.Guest is not { } verdict ? null : new GuestFindings
    {
        Consistent = verdict == "consistent",
        Problem = document.Verified.GuestProblem,
        Operations = document.Guest.Operations ?? 0,
        LostOperations = document.Verified.LostOperations ?? 0,
        RepeatedOperations = document.Verified.RepeatedOperations ?? 0,
    };

    /// <summary>Gets the word that documents use for an enumeration's value.</summary>
    public static string Word<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.CamelCase.ConvertName(value.ToString());

    private static FailureDocument ToDocument(MigrationFailure failure) => new()
    {
        Kind = Word(failure.Kind),
        Phase = Word(failure.Phase),
        DetectedBy = Word(failure.DetectedBy),
        Message = failure.Message,
        WhatToDo = failure.WhatToDo.Length > 0 ? failure.WhatToDo : null,
        ReportedByPeer = failure.ReportedByPeer,
        Causes = [.. failure.Causes],
        Observations =
        [
            .. failure.Observations.Select(seen => new ObservationDocument
            {
                AtMs = Math.Round(seen.At.TotalMilliseconds, 3),
                DetectedBy = Word(seen.DetectedBy),
                Kind = Word(seen.Kind),
                Message = seen.Message,
                ReportedByPeer = seen.ReportedByPeer,
            }),
        ],
        Guest = failure.Guest == GuestWhereabouts.RunningAtSource ? "running" : Word(failure.Guest),
    };

    private static RoundDocument ToDocument(RoundStatistics round) => new()
    {
        Index = round.Index,
        DirtyPages = round.DirtyPages,
        SentPages = round.SentPages,
        ZeroPages = round.ZeroPages,
        WireBytes = round.WireBytes,
        DurationMs = Ms(round.Duration),
        TransmitBytesPerSecond = Math.Round(round.TransmitBytesPerSecond),
        DirtyBytesPerSecond = Math.Round(round.DirtyBytesPerSecond),
        T2dPercent = Math.Round(round.T2dPercent, 1),
    };

    private static SwitchoverDocument ToDocument(SwitchoverReport switchover) => new()
    {
        GoalMs = Ms(switchover.Goal),
        PredictedMs = Known(switchover.Predicted.Total),
        PredictedPartsMs = new PredictedPartsDocument { Pages = Known(switchover.Predicted.Pages), Fixed = Known(switchover.Predicted.Fixed) },
        ActualMs = Ms(switchover.Actual),
        RemainingPages = switchover.RemainingPages,
        PartsMs = new PartsDocument
        {
            Pause = Ms(switchover.Parts.Pause),
            Harvest = Ms(switchover.Parts.Harvest),
            Pages = Ms(switchover.Parts.Pages),
            StateSave = Ms(switchover.Parts.StateSave),
            StateTransfer = Ms(switchover.Parts.StateTransfer),
            Restore = Ms(switchover.Parts.Restore),
            Commit = Ms(switchover.Parts.Commit),
            Resume = Ms(switchover.Parts.Resume),
        },
    };

    private static VerifiedDocument Verified(MemoryVerification? memory, GuestFindings? findings) => new()
    {
        Memory = memory is null ? null : memory.Identical ? "identical" : "different",
        PagesCompared = memory?.PagesCompared,
        PagesDifferent = memory?.PagesDifferent,
        Guest = findings is null ? null : findings.Consistent ? "consistent" : "inconsistent",
        GuestProblem = findings?.Problem,
        LostOperations = findings?.LostOperations,
        RepeatedOperations = findings?.RepeatedOperations,
    };

    // 100 ns, the resolution of TimeSpan, are four decimals of a millisecond.
    private static double Ms(TimeSpan time) => Math.Round(time.TotalMilliseconds, 4);

    // The planner's word for a part that it could not know.
    private static double? Known(TimeSpan time) => time == TimeSpan.MaxValue ? null : Ms(time);

    private static double? Ms(TimeSpan? time) => time is { } value ? Ms(value) : null;
}
