using PageEngine.Memory;

namespace PageEngine.Simulation;

// Owns: how fast and how far the two hosts are apart. Immutable.

/// <summary>The connection between the hosts: page streams beside one control channel.</summary>
public sealed record SimulatedLink
{
    /// <summary>Gets what all page streams together carry, wire bytes per second.</summary>
    public double BandwidthBytesPerSecond { get; init; } = 125_000_000;

    /// <summary>Gets the number of page streams; they share the bandwidth evenly.</summary>
    public int Streams { get; init; } = 1;

    /// <summary>Gets how long a batch of pages is under way after its last byte left, one way.</summary>
    public TimeSpan StreamLatency { get; init; } = TimeSpan.FromMilliseconds(0.2);

    /// <summary>Gets how long a control message is under way, one way.</summary>
    public TimeSpan ControlLatency { get; init; } = TimeSpan.FromMilliseconds(0.2);

    /// <summary>Gets by how much more, at most, a message may take; drawn evenly.</summary>
    public TimeSpan Jitter { get; init; }

    /// <summary>Gets the wire bytes of a page, headers included.</summary>
    public int WireBytesPerPage { get; init; } = MemoryLayout.PageBytes + 8;

    /// <summary>Gets the wire bytes of a page that is zero.</summary>
    public int WireBytesPerZeroPage { get; init; } = 1;

    /// <summary>Gets the pages of a batch. Smaller ones let the guest write between more of them, and cost steps.</summary>
    public int PagesPerBatch { get; init; } = 256;

    /// <summary>Gets the bandwidth of each round, oldest first, where it is known from a measurement; later rounds and an
    /// empty list take <see cref="BandwidthBytesPerSecond"/>.</summary>
    public IReadOnlyList<double> BandwidthOfRounds { get; init; } = [];

    internal double BandwidthOf(int round) =>
        round < BandwidthOfRounds.Count ? BandwidthOfRounds[round] : BandwidthBytesPerSecond;

    internal void Validate()
    {
        ThrowUnlessRate(BandwidthBytesPerSecond);
        foreach (double rate in BandwidthOfRounds)
        {
            ThrowUnlessRate(rate);
        }

        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(Streams, nameof(Streams));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(PagesPerBatch, nameof(PagesPerBatch));
        ArgumentOutOfRangeException.ThrowIfLessThan(WireBytesPerPage, 1, nameof(WireBytesPerPage));
        ArgumentOutOfRangeException.ThrowIfNegative(WireBytesPerZeroPage, nameof(WireBytesPerZeroPage));
        ArgumentOutOfRangeException.ThrowIfLessThan(StreamLatency, TimeSpan.Zero, nameof(StreamLatency));
        ArgumentOutOfRangeException.ThrowIfLessThan(ControlLatency, TimeSpan.Zero, nameof(ControlLatency));
        ArgumentOutOfRangeException.ThrowIfLessThan(Jitter, TimeSpan.Zero, nameof(Jitter));
    }

    private static void ThrowUnlessRate(double rate)
    {
        if (!(rate > 0) || !double.IsFinite(rate))
        {
            throw new ArgumentOutOfRangeException(nameof(rate), rate, "A finite bandwidth above 0 is needed, in bytes per second.");
        }
    }
}
