using PageEngine.Ownership;

namespace PageEngine.Checkpoints;

// Owns: who may run a guest from a checkpoint. The store's record decides, as in a migration: creating the next epoch is the one
// step, and it can be done once.

/// <summary>The right to run a restored guest. Safe from any thread.</summary>
public static class CheckpointOwnership
{
    /// <summary>Claims a guest that was restored and is about to run: creates the epoch after the checkpoint's for a new run.
    /// Call it last, when memory and state are in place.</summary>
    /// <param name="store">The store; null: there is none, and the right is only this process's word.</param>
    /// <param name="checkpoint">What the guest was restored from.</param>
    /// <param name="takeOver">True: the caller knows that the guest runs nowhere, or wants it to end where it does; whatever the
    /// record says, the next epoch is this run's. False: refused unless the guest was suspended into this very checkpoint
    /// and nobody has run it since.</param>
    /// <param name="cancellationToken">Cancels the claim.</param>
    /// <exception cref="MigrationException">The guest runs elsewhere or may (<see cref="MigrationErrorKind.OwnershipFailed"/>), or
    /// the store failed.</exception>
    public static async ValueTask<GuestOwnership> ClaimAsync(
        IOwnershipStore? store, CheckpointInfo checkpoint, bool takeOver = false, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        var run = RunId.NewRandom();
        if (store is null)
        {
            return new GuestOwnership(null, checkpoint.GuestId, run, Math.Max(1, checkpoint.Epoch));
        }

        OwnershipRecord? record = await store.ReadAsync(checkpoint.GuestId, cancellationToken).ConfigureAwait(false);
        ulong next = Next(store, checkpoint, record, takeOver);
        var claim = new OwnershipRecord(checkpoint.GuestId, next, run, default);
        CreateOutcome outcome = await store.CreateAsync(claim, cancellationToken).ConfigureAwait(false);
        if (outcome != CreateOutcome.Created)
        {
            throw outcome == CreateOutcome.Conflict
                ? Refused($"Guest {checkpoint.GuestId} was started elsewhere at this very moment ({store.Description}).")
                : new MigrationException(
                    MigrationErrorKind.InDoubt,
                    $"It cannot be told whether guest {checkpoint.GuestId} may run here: the store {store.Description} did not say whether epoch {next} was created. It was not started; restore it again, taking over, when the store answers.")
                { DetectedBy = DetectedBy.Supervisor };
        }

        await store.MarkAsync(checkpoint.GuestId, next, OwnershipMark.Running, cancellationToken).ConfigureAwait(false);
        return new GuestOwnership(store, checkpoint.GuestId, run, next);
    }

    /// <summary>Tells whether <see cref="ClaimAsync"/> would be refused now: before memory is read for nothing. It decides nothing.</summary>
    /// <param name="store">The store; null: nothing can be refused.</param>
    /// <param name="checkpoint">What the guest is to be restored from.</param>
    /// <param name="takeOver">As for the claim.</param>
    /// <param name="cancellationToken">Cancels the look.</param>
    /// <exception cref="MigrationException">It would be, or the store failed.</exception>
    public static async ValueTask CheckAsync(
        IOwnershipStore? store, CheckpointInfo checkpoint, bool takeOver = false, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        if (store is not null)
        {
            _ = Next(store, checkpoint, await store.ReadAsync(checkpoint.GuestId, cancellationToken).ConfigureAwait(false), takeOver);
        }
    }

    private static ulong Next(IOwnershipStore store, CheckpointInfo checkpoint, OwnershipRecord? record, bool takeOver)
    {
        string guest = $"Guest {checkpoint.GuestId}";
        if (record is null)
        {
            return checkpoint.Epoch <= 1 && (takeOver || checkpoint.Run == default)
                ? 1UL
                : throw Refused($"{guest} was saved under epoch {checkpoint.Epoch}, and the store {store.Description} does not know it. Name the store that it ran under.");
        }

        if (record.Epoch < checkpoint.Epoch)
        {
            throw Refused($"{guest} was saved under epoch {checkpoint.Epoch}, and the store {store.Description} knows only {record.Epoch}: it is another store, or an old copy of it. Name the store that it ran under.");
        }

        if (takeOver)
        {
            return record.Epoch + 1;
        }

        bool isOwn = record.Epoch == checkpoint.Epoch && record.Holder == checkpoint.Run && checkpoint.Run != default;
        if (isOwn && checkpoint.IsSuspended)
        {
            return record.Epoch + 1;
        }

        throw Refused(isOwn
            ? $"{guest} went on when this checkpoint was made, under epoch {record.Epoch}, and may run still ({store.Description}). End it first; then take it over."
            : $"{guest} was saved under epoch {checkpoint.Epoch}; since then run {record.Holder} has owned it under epoch {record.Epoch} ({store.Description}). End it where it runs; then take it over.");
    }

    private static MigrationException Refused(string message) => new(MigrationErrorKind.OwnershipFailed, message) { DetectedBy = DetectedBy.Supervisor };
}
