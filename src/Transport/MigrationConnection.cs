using System.IO.Pipelines;

namespace PageEngine.Transport;

// Owns: the seam to whatever moves bytes between the hosts. [SKELETON: to be completed]

/// <summary>One connection between source and destination: either the control channel or one page stream.</summary>
public abstract class MigrationConnection : IAsyncDisposable
{
    /// <summary>Gets who is at the other end, for people.</summary>
    public abstract string RemoteDescription { get; }

    /// <summary>Gets this end, for people.</summary>
    public abstract string LocalDescription { get; }

    /// <summary>Gets whether the other end is this machine (loopback or in-process).</summary>
    public abstract bool IsLocal { get; }

    /// <summary>Wraps a duplex pipe that somebody else connected. Page bytes are copied once at this edge.</summary>
    public static MigrationConnection FromPipe(IDuplexPipe pipe, string remoteDescription) => throw new NotImplementedException();

    /// <summary>Wraps a stream that somebody else connected. Page bytes are copied once at this edge.</summary>
    public static MigrationConnection FromStream(Stream stream, string remoteDescription) => throw new NotImplementedException();

    /// <summary>Gets the bytes as a duplex pipe for control frames. Called once, and not on a connection that carries pages.</summary>
    internal abstract IDuplexPipe OpenControl();

    /// <summary>Sends the first bytes of a connection, before it is used as control channel or page stream.</summary>
    internal abstract ValueTask SendPreambleAsync(ReadOnlyMemory<byte> preamble, CancellationToken cancellationToken);

    /// <summary>Reads exactly the first bytes of a connection and nothing beyond them.</summary>
    internal abstract ValueTask ReceivePreambleAsync(Memory<byte> preamble, CancellationToken cancellationToken);

    /// <summary>Ends both directions at once; whoever is blocked in this connection returns with an error. Safe from any
    /// thread, any number of times.</summary>
    public abstract void Abort();

    /// <inheritdoc/>
    public abstract ValueTask DisposeAsync();
}

/// <summary>Opens connections to one destination. The source opens the control channel first, then the page streams.</summary>
public interface IMigrationConnector
{
    /// <summary>Gets the destination, for people.</summary>
    string Description { get; }

    /// <summary>Opens one more connection.</summary>
    /// <param name="purpose">Whether it will be the control channel or a page stream (which may have another network).</param>
    /// <param name="dataEndPoint">Where the destination said page streams shall go; null: the same place as the control channel.</param>
    /// <param name="cancellationToken">Cancels the attempt.</param>
    ValueTask<MigrationConnection> ConnectAsync(ConnectionPurpose purpose, string? dataEndPoint, CancellationToken cancellationToken);
}

/// <summary>Accepts connections from sources.</summary>
public interface IMigrationAcceptor
{
    /// <summary>Gets where it listens, for people.</summary>
    string Description { get; }

    /// <summary>Gets where page streams shall be opened when that is not where this listens; null otherwise.</summary>
    string? DataEndPoint { get; }

    /// <summary>Waits for the next connection, whatever its purpose.</summary>
    ValueTask<MigrationConnection> AcceptAsync(CancellationToken cancellationToken);
}

/// <summary>What a connection carries.</summary>
public enum ConnectionPurpose
{
    /// <summary>Not a valid purpose.</summary>
    None = 0,

    /// <summary>Control frames.</summary>
    Control = 1,

    /// <summary>Page batches.</summary>
    Pages = 2,
}
