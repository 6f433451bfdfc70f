namespace PageEngine.Transport;

// Owns: the seam to whoever knows how to reach a destination.

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
