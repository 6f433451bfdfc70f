namespace PageEngine.Ownership;

// Owns: what a host knows about its own right to run a guest: the epoch and the run that the record names.

/// <summary>The right to run a guest under one epoch. Immutable; it ends when a higher epoch exists.</summary>
/// <param name="Store">The store that holds the record; null: there is none, and this right is only this process's word.</param>
/// <param name="GuestId">The guest.</param>
/// <param name="Run">The run that holds the epoch.</param>
/// <param name="Epoch">The epoch.</param>
public sealed record GuestOwnership(IOwnershipStore? Store, Guid GuestId, RunId Run, ulong Epoch)
{
    /// <summary>Claims a guest that is about to run for the first time: creates epoch 1 for a new run.</summary>
    /// <param name="store">The store; null for none.</param>
    /// <param name="guestId">The guest.</param>
    /// <param name="cancellationToken">Cancels the claim.</param>
    /// <exception cref="MigrationException">The guest has an owner already, or the store failed.</exception>
    public static ValueTask<GuestOwnership> ClaimAsync(IOwnershipStore? store, Guid guestId, CancellationToken cancellationToken = default) =>
        ClaimForAsync(store, guestId, RunId.NewRandom(), cancellationToken);

    /// <summary>Claims a guest for a run that has its name already.</summary>
    internal static async ValueTask<GuestOwnership> ClaimForAsync(IOwnershipStore? store, Guid guestId, RunId run, CancellationToken cancellationToken)
    {
        var ownership = new GuestOwnership(store, guestId, run, 1);
        if (store is null)
        {
            return ownership;
        }

        OwnershipRecord? record = await store.ReadAsync(guestId, cancellationToken).ConfigureAwait(false);
        if (record is null)
        {
            record = new OwnershipRecord(guestId, 1, run, default);
            CreateOutcome outcome = await store.CreateAsync(record, cancellationToken).ConfigureAwait(false);
            if (outcome == CreateOutcome.Created)
            {
                await store.MarkAsync(guestId, 1, OwnershipMark.Running, cancellationToken).ConfigureAwait(false);
                return ownership;
            }

            record = await store.ReadAsync(guestId, cancellationToken).ConfigureAwait(false);
        }

        throw new MigrationException(
            MigrationErrorKind.OwnershipFailed,
            $"Guest {guestId} is owned by run {record?.Holder} since epoch {record?.Epoch} ({store.Description}). A guest starts once; move it from where it runs, or choose another guest id.")
        { DetectedBy = DetectedBy.Supervisor };
    }
}
