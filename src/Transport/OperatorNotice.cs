using PageEngine.Transport.Control;

namespace PageEngine.Transport;

// Owns: one sentence to a peer that listens: what an operator decided at this side about a migration in doubt. It decides
// nothing there: it is for the log.

/// <summary>Tells the other side what an operator decided.</summary>
public static class OperatorNotice
{
    /// <summary>Tells it, and waits until the peer has taken it.</summary>
    /// <param name="connector">Reaches the peer.</param>
    /// <param name="migrationId">The migration.</param>
    /// <param name="text">What was decided; it appears in the peer's log.</param>
    /// <param name="cancellationToken">Ends the attempt to tell it.</param>
    /// <exception cref="MigrationException">The peer does not answer.</exception>
    public static async Task SendAsync(IMigrationConnector connector, ulong migrationId, string text, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(connector);
        ArgumentException.ThrowIfNullOrEmpty(text);
        MigrationConnection connection = await connector.ConnectAsync(ConnectionPurpose.Control, null, cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            await connection.WritePreambleAsync(new ConnectionPreamble(ConnectionPurpose.Control, 0, Guid.Empty).Encode(), cancellationToken).ConfigureAwait(false);
            var control = new ControlChannel(connection.OpenControl());
            await using (control.ConfigureAwait(false))
            {
                var notice = new MigrationException(MigrationErrorKind.InDoubt, $"Migration {migrationId}: {text}")
                {
                    Phase = MigrationPhase.Complete,
                    DetectedBy = DetectedBy.Supervisor,
                };
                await control.SendAsync(ControlKind.Failure, FailureMessage.From(notice), static (m, w) => m.Write(w), cancellationToken).ConfigureAwait(false);
                try
                {
                    // It takes the sentence for the end of a migration, and closes.
                    while (true)
                    {
                        await control.ReceiveAsync(cancellationToken).ConfigureAwait(false);
                    }
                }
                catch (MigrationException e) when (e.Kind is MigrationErrorKind.ConnectionLost or MigrationErrorKind.ProtocolViolation)
                {
                    // Closed: it was read.
                }
                finally
                {
                    connection.Abort();
                }
            }
        }
    }
}
