using PageEngine.Memory;

namespace PageEngine.Planning;

// Owns: the facts of one pre-copy round, as numbers. Everything the planner knows about a round is here.

/// <summary>What one finished round did and cost.</summary>
public sealed record RoundStatistics
{
    /// <summary>Gets the round's number, from 0.</summary>
    public required int Index { get; init; }

    /// <summary>Gets how many pages the round had to offer when it began.</summary>
    public required long DirtyPages { get; init; }

    /// <summary>Gets how many pages went over the wire with their bytes.</summary>
    public required long SentPages { get; init; }

    /// <summary>Gets how many pages were zero and went over the wire as a mark.</summary>
    public required long ZeroPages { get; init; }

    /// <summary>Gets how many bytes the page streams carried, headers included.</summary>
    public required long WireBytes { get; init; }

    /// <summary>Gets the time from the first byte to the destination's last acknowledgement.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>Gets how long the collect at the round's end took.</summary>
    public required TimeSpan HarvestDuration { get; init; }

    /// <summary>Gets the time from the collect before to the end of this round's collect: that is how long the guest had for the
    /// pages that it dirtied. Zero where it was not measured: round and collect are taken for it.</summary>
    public TimeSpan CollectInterval { get; init; }

    /// <summary>Gets how many pages the guest wrote while the round ran; they are the next round's.</summary>
    public required long DirtiedPages { get; init; }

    /// <summary>Gets the throttle in force while the round ran: the share of virtual CPU time taken away, 0 to 1. A stall
    /// is only looked for among rounds that ran under the throttle now in force.</summary>
    public double Throttle { get; init; }

    /// <summary>Gets the acknowledged wire bytes per second; 0 when the round carried too little to measure.</summary>
    public double TransmitBytesPerSecond => Duration > TimeSpan.Zero ? WireBytes / Duration.TotalSeconds : 0;

    /// <summary>Gets the guest bytes (pages times page size) written per second while the round ran.</summary>
    public double DirtyBytesPerSecond =>
        Duration > TimeSpan.Zero ? DirtiedPages * (double)MemoryLayout.PageBytes / Duration.TotalSeconds : 0;

    /// <summary>Gets transmit-to-dirty, in percent: pages offered in the round, for every page left after it.</summary>
    public double T2dPercent => 100.0 * DirtyPages / Math.Max(1, DirtiedPages);
}
