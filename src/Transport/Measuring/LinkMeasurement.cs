namespace PageEngine.Transport.Measuring;

// Owns: what came of a case, and what that says.

/// <summary>What kept a link from being faster.</summary>
public enum LinkLimit
{
    /// <summary>Not a valid value.</summary>
    None = 0,

    /// <summary>The network: both sides had processor time to spare.</summary>
    Link = 1,

    /// <summary>The source's processor.</summary>
    Source = 2,

    /// <summary>The destination's processor.</summary>
    Destination = 3,

    /// <summary>Other work on one of the machines: its processors were busy, and neither side's process was.</summary>
    OtherWork = 4,
}

/// <summary>What came of a case. Counted from the end of its first pass, which warms up both sides.</summary>
/// <param name="Case">The case.</param>
/// <param name="Sealed">Whether pages were encrypted: they are where both sides proved themselves (<see cref="TcpOptions.Tls"/>).</param>
/// <param name="Bytes">What the page streams carried, heads included.</param>
/// <param name="Elapsed">From the first byte at the source to the last one in the destination's memory.</param>
/// <param name="SourceProcessor">Processor time of the source's process.</param>
/// <param name="DestinationProcessor">Processor time of the destination's process.</param>
/// <param name="Retransmitted">Segments that TCP sent again.</param>
/// <param name="RoundTrip">The smoothed round trip at the end, as TCP measured it under load.</param>
/// <param name="ReceiverStalled">For how long, summed over the streams, TCP had bytes to send and no window to send them in.</param>
public sealed record LinkMeasurement(
    LinkCase Case,
    bool Sealed,
    long Bytes,
    TimeSpan Elapsed,
    TimeSpan SourceProcessor,
    TimeSpan DestinationProcessor,
    long Retransmitted,
    TimeSpan RoundTrip,
    TimeSpan ReceiverStalled)
{
    private const double NoneIdle = 0.1;

    // A thread that sends or receives all the time still waits now and then.
    private const double Busy = 0.8;

    /// <summary>Gets which share of the source machine's processors was idle, 0 to 1.</summary>
    public double SourceIdle { get; init; } = 1;

    /// <summary>Gets which share of the destination machine's processors was idle, 0 to 1.</summary>
    public double DestinationIdle { get; init; } = 1;

    /// <summary>Gets the bytes of the pages that arrived; more than <see cref="Bytes"/> where they were made smaller.</summary>
    public long GuestBytes { get; init; }

    /// <summary>Gets the rate at which pages arrived.</summary>
    public double GuestBytesPerSecond => GuestBytes / Elapsed.TotalSeconds;

    /// <summary>Gets the rate on the wire.</summary>
    public double BytesPerSecond => Bytes / Elapsed.TotalSeconds;

    /// <summary>Gets what the rate costs at the source: processor seconds for 10^9 bytes of pages.</summary>
    public double SourceSecondsPerGigabyte => SourceProcessor.TotalSeconds / GuestBytes * 1e9;

    /// <summary>Gets what the rate costs at the destination.</summary>
    public double DestinationSecondsPerGigabyte => DestinationProcessor.TotalSeconds / GuestBytes * 1e9;

    /// <summary>Gets what kept it from being faster: the side whose threads were busy nearly all the time, one to a stream,
    /// and the busier one if both were; the link when neither was and both machines had processors to spare.</summary>
    public LinkLimit LimitedBy
    {
        get
        {
            double source = SourceProcessor / (Elapsed * Case.Streams);
            double destination = DestinationProcessor / (Elapsed * Case.Streams);
            return Math.Max(source, destination) >= Busy
                ? source >= destination ? LinkLimit.Source : LinkLimit.Destination
                : Math.Min(SourceIdle, DestinationIdle) < NoneIdle ? LinkLimit.OtherWork : LinkLimit.Link;
        }
    }
}
