using PageEngine.Transport.Measuring;

namespace PageEngine.Cli.Bench;

// Owns: what was measured on a link, as programs read it.

/// <summary>All cases of one `bench link`.</summary>
internal sealed record LinkDocument
{
    public required BenchHost Source { get; init; }
    public required string Destination { get; init; }
    public required long MemoryBytes { get; init; }

    /// <summary>The share of each page that does not compress.</summary>
    public required int NoisePercent { get; init; }
    public required IReadOnlyList<LinkCaseDocument> Cases { get; init; }
}

/// <summary>One case.</summary>
internal sealed record LinkCaseDocument
{
    public required int Streams { get; init; }
    public required long RunBytes { get; init; }
    public required int BatchPages { get; init; }
    public required bool Encrypted { get; init; }

    /// <summary>"none", "auto", "lz4" or "zstd".</summary>
    public required string Compression { get; init; }
    public required double DurationMs { get; init; }
    public required long WireBytes { get; init; }
    public required long GuestBytes { get; init; }

    /// <summary>On the wire.</summary>
    public required double BytesPerSecond { get; init; }
    public required double GuestBytesPerSecond { get; init; }

    /// <summary>Processor seconds for 10^9 bytes.</summary>
    public required LinkBothDocument CpuSecondsPerGigabyte { get; init; }
    public required long RetransmittedSegments { get; init; }
    public required double RoundTripMs { get; init; }
    public required double ReceiverStalledMs { get; init; }

    /// <summary>Of the machines' processors, 0 to 1.</summary>
    public required LinkBothDocument Idle { get; init; }

    /// <summary>"link", "source", "destination", or "otherWork" on one of the machines.</summary>
    public required string LimitedBy { get; init; }

    /// <summary>Makes the document of a case.</summary>
    public static LinkCaseDocument From(LinkMeasurement m) => new()
    {
        Streams = m.Case.Streams,
        RunBytes = m.Case.RunBytes,
        BatchPages = m.Case.BatchPages,
        Encrypted = m.Sealed,
        Compression = LinkReport.Word(m.Case.Compression),
        DurationMs = m.Elapsed.TotalMilliseconds,
        WireBytes = m.Bytes,
        GuestBytes = m.GuestBytes,
        BytesPerSecond = m.BytesPerSecond,
        GuestBytesPerSecond = m.GuestBytesPerSecond,
        CpuSecondsPerGigabyte = new LinkBothDocument(m.SourceSecondsPerGigabyte, m.DestinationSecondsPerGigabyte),
        RetransmittedSegments = m.Retransmitted,
        RoundTripMs = m.RoundTrip.TotalMilliseconds,
        ReceiverStalledMs = m.ReceiverStalled.TotalMilliseconds,
        Idle = new LinkBothDocument(m.SourceIdle, m.DestinationIdle),
        LimitedBy = m.LimitedBy switch
        {
            LinkLimit.Source => "source",
            LinkLimit.Destination => "destination",
            LinkLimit.OtherWork => "otherWork",
            _ => "link",
        },
    };
}

/// <summary>Of both sides.</summary>
internal sealed record LinkBothDocument(double Source, double Destination);
