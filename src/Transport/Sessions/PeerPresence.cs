using PageEngine.Ownership;

namespace PageEngine.Transport.Sessions;

// Owns: what the store can tell about the peer's process. It explains a lost connection and shortens a wait; who may run
// the guest never depends on it.

/// <summary>One side's view of the other's process.</summary>
internal sealed class PeerPresence(IOwnershipStore? store, Guid guestId, AttemptId attempt, string peerSide, TimeProvider time)
{
    private static readonly TimeSpan _pollInterval = TimeSpan.FromMilliseconds(50);

    private bool _works;

    /// <summary>Announces this side for as long as the returned object lives; a store that cannot is no obstacle.</summary>
    internal static async Task<IDisposable?> AnnounceAsync(
        IOwnershipStore? store, Guid guestId, AttemptId attempt, string side, CancellationToken cancellationToken)
    {
        try
        {
            return store is null ? null : await store.AnnounceAsync(guestId, attempt, side, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not (OutOfMemoryException or OperationCanceledException))
        {
            return null;
        }
    }

    /// <summary>Looks while the peer is certainly there: only a store that shows it alive now is believed later.</summary>
    internal async Task CheckAsync() => _works = await LookAsync().ConfigureAwait(false) == AttemptPresence.Alive;

    /// <summary>Tells whether the peer's process has died.</summary>
    /// <param name="patience">A process that is just dying closes its connections before its locks: how long to look again.</param>
    internal async Task<bool> HasDiedAsync(TimeSpan patience)
    {
        if (!_works)
        {
            return false;
        }

        long began = time.GetTimestamp();
        while (true)
        {
            switch (await LookAsync().ConfigureAwait(false))
            {
                case AttemptPresence.Died:
                    return true;
                case AttemptPresence.Alive when time.GetElapsedTime(began) < patience:
                    await Task.Delay(_pollInterval, time).ConfigureAwait(false);
                    break;
                default:
                    return false;
            }
        }
    }

    private async Task<AttemptPresence> LookAsync()
    {
        try
        {
            return store is null ? AttemptPresence.Unknown : await store.LookAsync(guestId, attempt, peerSide, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return AttemptPresence.Unknown;
        }
    }
}
