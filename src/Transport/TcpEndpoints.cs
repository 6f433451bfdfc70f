using System.Net;

namespace PageEngine.Transport;

// Owns: TCP: how connections are opened, accepted and kept alive. [SKELETON: to be completed]

/// <summary>Options of TCP connections.</summary>
public sealed record TcpOptions
{
    /// <summary>Gets the local address to connect from; null: the system's choice.</summary>
    public IPAddress? BindAddress { get; init; }

    /// <summary>Gets where a destination listens for page streams; null: the same end point as the control channel.</summary>
    public IPEndPoint? DataListen { get; init; }

    /// <summary>Gets whether plain text is allowed beyond loopback; default false.</summary>
    public bool AllowPlaintext { get; init; }

    /// <summary>Gets how long connecting may take; default 20 s.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Gets how long unacknowledged bytes may stay in flight before the connection is dead; default 20 s.</summary>
    public TimeSpan UserTimeout { get; init; } = TimeSpan.FromSeconds(20);
}

/// <summary>Connects to a destination over TCP.</summary>
public sealed class TcpConnector : IMigrationConnector
{
    /// <summary>Makes a connector.</summary>
    public TcpConnector(EndPoint endPoint, TcpOptions? options = null) => throw new NotImplementedException();

    /// <inheritdoc/>
    public string Description => throw new NotImplementedException();

    /// <inheritdoc/>
    public ValueTask<MigrationConnection> ConnectAsync(ConnectionPurpose purpose, string? dataEndPoint, CancellationToken cancellationToken) =>
        throw new NotImplementedException();
}

/// <summary>Listens for sources on TCP.</summary>
public sealed class TcpAcceptor : IMigrationAcceptor, IDisposable
{
    /// <summary>Listens at once.</summary>
    /// <exception cref="MigrationException">The address cannot be bound, or plain text beyond loopback was not allowed.</exception>
    public TcpAcceptor(IPEndPoint endPoint, TcpOptions? options = null) => throw new NotImplementedException();

    /// <summary>Gets the end point it listens on, with the port the system chose.</summary>
    public IPEndPoint LocalEndPoint => throw new NotImplementedException();

    /// <inheritdoc/>
    public string Description => throw new NotImplementedException();

    /// <inheritdoc/>
    public string? DataEndPoint => throw new NotImplementedException();

    /// <inheritdoc/>
    public ValueTask<MigrationConnection> AcceptAsync(CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
