using PageEngine.Checkpoints.Writing;
using PageEngine.Guests;
using PageEngine.Tracing;

namespace PageEngine.Checkpoints;

// Owns: the calls that write a checkpoint of a guest.

/// <summary>Writes checkpoints. Safe from any thread; one guest is saved by one call at a time.</summary>
public static class CheckpointSaver
{
    /// <summary>Saves a guest that is paused. It stays paused.</summary>
    /// <param name="guest">The guest; nothing may write its memory meanwhile.</param>
    /// <param name="target">Where to.</param>
    /// <param name="options">How; null: the defaults.</param>
    /// <param name="cancellationToken">Ends it; nothing is left behind.</param>
    /// <exception cref="MigrationException">It cannot be written; what was at the target before is as it was.</exception>
    public static Task<CheckpointReport> SaveAsync(
        IGuest guest, CheckpointTarget target, CheckpointOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(guest);
        ArgumentNullException.ThrowIfNull(target);
        return Task.Run(
            async () =>
            {
                using var saver = new GuestSaver(guest, target, options ?? new CheckpointOptions());
                return await saver.SavePausedAsync(cancellationToken).ConfigureAwait(false);
            },
            CancellationToken.None);
    }

    /// <summary>Saves a guest that runs: its memory in rounds while it goes on, the rest while it stands still for about as long
    /// as a switchover. With <see cref="CheckpointOptions.Suspend"/> it stays paused, else it is resumed under
    /// <see cref="CheckpointOptions.Epoch"/>; after an error it runs on in any case.</summary>
    /// <param name="guest">The guest.</param>
    /// <param name="tracer">Reports what it writes.</param>
    /// <param name="target">Where to.</param>
    /// <param name="options">How; null: the defaults.</param>
    /// <param name="cancellationToken">Ends it; nothing is left behind.</param>
    /// <exception cref="MigrationException">It cannot be written, or the guest writes faster than that can be done; what was at
    /// the target before is as it was.</exception>
    public static Task<CheckpointReport> SaveRunningAsync(
        IGuest guest, IWriteTracer tracer, CheckpointTarget target, CheckpointOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(guest);
        ArgumentNullException.ThrowIfNull(tracer);
        ArgumentNullException.ThrowIfNull(target);
        return Task.Run(
            async () =>
            {
                using var saver = new GuestSaver(guest, target, options ?? new CheckpointOptions());
                return await saver.SaveRunningAsync(tracer, cancellationToken).ConfigureAwait(false);
            },
            CancellationToken.None);
    }
}
