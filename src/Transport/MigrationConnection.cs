using System.IO.Pipelines;
using PageEngine.Memory;
using PageEngine.Streaming;
using PageEngine.Transport.Edges;
using PageEngine.Transport.Sealing;

namespace PageEngine.Transport;

// Owns: the seam to whatever moves bytes between the hosts. A connection is first used for its preamble, then for exactly one
// of three things: control frames, sending pages, or receiving them.

/// <summary>One connection between source and destination: either the control channel or one page stream.</summary>
public abstract class MigrationConnection : IAsyncDisposable
{
    /// <summary>Not for others: the edges that move bytes are the engine's own.</summary>
    private protected MigrationConnection()
    {
    }

    /// <summary>Gets who is at the other end, for people.</summary>
    public abstract string RemoteDescription { get; }

    /// <summary>Gets this end, for people; empty where it has no name.</summary>
    public virtual string LocalDescription => "";

    /// <summary>Gets whether the other end is known to be this machine. False for a connection that somebody else opened:
    /// what it may carry is his to decide.</summary>
    public abstract bool IsLocal { get; }

    /// <summary>Wraps a duplex pipe that somebody else connected. Page bytes are copied once at this edge.</summary>
    /// <param name="pipe">The pipe. The connection completes both of its ends when it is disposed.</param>
    /// <param name="remoteDescription">Who is at the other end, for people.</param>
    public static MigrationConnection FromPipe(IDuplexPipe pipe, string remoteDescription)
    {
        ArgumentNullException.ThrowIfNull(pipe);
        ArgumentException.ThrowIfNullOrEmpty(remoteDescription);
        return new PipeConnection(pipe, remoteDescription, owned: null);
    }

    /// <summary>Wraps a stream that somebody else connected. Page bytes are copied once at this edge.</summary>
    /// <param name="stream">A stream that can be read and written at the same time. The connection owns it from here on.</param>
    /// <param name="remoteDescription">Who is at the other end, for people.</param>
    public static MigrationConnection FromStream(Stream stream, string remoteDescription)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentException.ThrowIfNullOrEmpty(remoteDescription);
        return new PipeConnection(new StreamPipe(stream), remoteDescription, stream);
    }

    /// <summary>Sends the first bytes of the connection, before it is used for anything else.</summary>
    internal abstract ValueTask WritePreambleAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken);

    /// <summary>Reads the first bytes of the connection: exactly as many as the buffer has, so that whoever uses the
    /// connection next finds the byte after them. Cancelling ends the connection.</summary>
    internal abstract ValueTask ReadPreambleAsync(Memory<byte> buffer, CancellationToken cancellationToken);

    /// <summary>Gets the bytes as a duplex pipe for control frames. Called once, and not on a connection that carries pages.
    /// The pipe belongs to the connection; a lost connection is a <see cref="MigrationException"/> in its reads and flushes.</summary>
    internal abstract IDuplexPipe OpenControl();

    /// <summary>Gets whether the peer proved itself and what travels is kept secret.</summary>
    internal virtual bool IsProven => false;

    /// <param name="memory">The source's memory.</param>
    /// <param name="streamIndex">The stream's index.</param>
    /// <param name="sending">What all streams of the migration share.</param>
    /// <param name="seal">Seals what is sent; owned by the sender from here on. Null: as it is.</param>
    internal abstract PageSender OpenSender(GuestMemory memory, int streamIndex, PageSending sending, PageSeal? seal);

    /// <param name="applier">The destination's memory.</param>
    /// <param name="streamIndex">The stream's index.</param>
    /// <param name="onRoundEnd">Called at the end of each round.</param>
    /// <param name="seal">Opens what comes; owned by the receiver from here on. Null: it comes as it is.</param>
    internal abstract PageReceiver OpenReceiver(PageApplier applier, int streamIndex, Action<StreamRoundTotals> onRoundEnd, PageSeal? seal);

    /// <summary>Ends both directions at once; whoever is blocked in this connection returns with an error. Safe from any
    /// thread, any number of times.</summary>
    public abstract void Abort();

    /// <summary>Aborts, waits until nobody works on the connection any more, and only then closes it.</summary>
    public abstract ValueTask DisposeAsync();
}
