using PageEngine.Streaming;
using PageEngine.Transport.Sealing;

namespace PageEngine.Transport;

// Owns: the seam between the destination session and one page stream.

/// <summary>Receives batches from one connection straight into guest memory.</summary>
internal abstract class PageReceiver : IAsyncDisposable
{
    /// <summary>Makes a receiver and starts it. It owns the connection from here on; the applier and its memory stay usable
    /// until the receiver is disposed.</summary>
    /// <param name="onRoundEnd">Called on the receiving thread when the end-of-round mark was read and everything before it is
    /// in guest memory. What it throws ends the stream with that exception.</param>
    internal static PageReceiver Start(MigrationConnection connection, PageApplier applier, int streamIndex, Action<StreamRoundTotals> onRoundEnd, PageSeal? seal = null) =>
        connection.OpenReceiver(applier, streamIndex, onRoundEnd, seal);

    /// <summary>Gets a task that ends when the sender finished, or fails with what went wrong.</summary>
    internal abstract Task Completion { get; }

    /// <summary>Aborts the connection, waits for the receiving thread, and closes.</summary>
    public abstract ValueTask DisposeAsync();
}
