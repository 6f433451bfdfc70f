using PageEngine.Memory;
using PageEngine.Streaming;
using PageEngine.Transport.Sealing;

namespace PageEngine.Transport;

// Owns: the seam between the source session and one page stream.

/// <summary>Sends rounds over one connection, one round at a time.</summary>
internal abstract class PageSender : IAsyncDisposable
{
    /// <summary>Makes a sender for a connection that has already been joined to a migration. The sender owns the connection
    /// from here on; the guest's memory stays mapped until the sender is disposed. So is the seal, where pages are to be sealed.</summary>
    internal static PageSender Create(MigrationConnection connection, GuestMemory memory, int streamIndex, PageSending sending, PageSeal? seal = null) =>
        connection.OpenSender(memory, streamIndex, sending, seal);

    /// <summary>Sends this stream's share of a round and the end-of-round mark with its totals.</summary>
    /// <param name="round">The round; its number follows the one before it, from 0.</param>
    /// <param name="cancellationToken">Ends the round between two batches; what was not sent stays pending. A batch that does
    /// not get on its way soon is cut off by aborting the connection. No other round can follow on this stream.</param>
    /// <exception cref="MigrationException">The connection was lost.</exception>
    /// <exception cref="OperationCanceledException">The round was cancelled.</exception>
    internal abstract Task<StreamRoundTotals> SendRoundAsync(PageRound round, CancellationToken cancellationToken);

    /// <summary>Ends the stream in an orderly way: the receiver sees the end after everything sent before.</summary>
    internal abstract Task FinishAsync();

    /// <summary>Aborts the connection if the stream was not finished, waits for the sending thread, and closes.</summary>
    public abstract ValueTask DisposeAsync();
}
