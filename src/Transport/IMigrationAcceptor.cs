namespace PageEngine.Transport;

// Owns: the seam to whoever takes connections at a destination.

/// <summary>Accepts connections from sources.</summary>
public interface IMigrationAcceptor
{
    /// <summary>Gets where it listens, for people.</summary>
    string Description { get; }

    /// <summary>Gets where page streams shall be opened when that is not where this listens; null otherwise.</summary>
    string? DataEndPoint { get; }

    /// <summary>Waits for the next connection, whatever its purpose.</summary>
    /// <param name="cancellationToken">Ends the wait; a connection that arrives meanwhile waits for the next call.</param>
    ValueTask<MigrationConnection> AcceptAsync(CancellationToken cancellationToken);
}
