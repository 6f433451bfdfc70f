using PageEngine.Memory;
using PageEngine.Streaming;

namespace PageEngine.Transport;

// Owns: one page stream at the source. [SKELETON: to be completed]

/// <summary>Sends rounds over one connection.</summary>
internal abstract class PageSender : IAsyncDisposable
{
    /// <summary>Makes a sender for a connection that has already been joined to a migration.</summary>
    internal static PageSender Create(MigrationConnection connection, GuestMemory memory, int streamIndex, BandwidthPacer pacer) =>
        throw new NotImplementedException();

    /// <summary>Sends this stream's share of a round and the end-of-round mark with its totals.</summary>
    internal abstract Task<StreamRoundTotals> SendRoundAsync(PageRound round, CancellationToken cancellationToken);

    /// <summary>Ends the stream in an orderly way: the receiver sees the end after everything sent before.</summary>
    internal abstract Task FinishAsync();

    public abstract ValueTask DisposeAsync();
}

/// <summary>Receives batches from one connection straight into guest memory.</summary>
internal abstract class PageReceiver : IAsyncDisposable
{
    /// <summary>Makes a receiver and starts it.</summary>
    /// <param name="onRoundEnd">Called on the receiving thread when the end-of-round mark was read and everything before it is in guest memory.</param>
    internal static PageReceiver Start(MigrationConnection connection, PageApplier applier, int streamIndex, Action<StreamRoundTotals> onRoundEnd) =>
        throw new NotImplementedException();

    /// <summary>Gets a task that ends when the sender finished, or fails with what went wrong.</summary>
    internal abstract Task Completion { get; }

    public abstract ValueTask DisposeAsync();
}

/// <summary>Keeps all page streams of a migration together under one bandwidth cap.</summary>
internal sealed class BandwidthPacer
{
    /// <param name="bytesPerSecond">The cap; 0: none.</param>
    /// <param name="time">The clock.</param>
    internal BandwidthPacer(long bytesPerSecond, TimeProvider time) => throw new NotImplementedException();
}
