namespace PageEngine.Ownership;

// Owns: the seam to whatever decides who runs.

/// <summary>
/// Decides which run of a guest may execute. Creating epoch e+1 is the only commit point of a migration, and it can
/// be created once. No clock takes part. Implementations must be linearizable for <see cref="CreateAsync"/>; a stale
/// <see cref="ReadAsync"/> may only delay. Safe to call from any thread.
/// </summary>
public interface IOwnershipStore
{
    /// <summary>Gets a short description for reports, such as the directory.</summary>
    string Description { get; }

    /// <summary>Reads the highest epoch of a guest, or null when it has none.</summary>
    /// <exception cref="MigrationException">The store cannot be read, or a record is damaged.</exception>
    ValueTask<OwnershipRecord?> ReadAsync(Guid guestId, CancellationToken cancellationToken);

    /// <summary>Creates an epoch; exactly one caller in the world can succeed for each guest and epoch.</summary>
    /// <param name="record">The epoch must be 1, or the one after the highest.</param>
    /// <param name="cancellationToken">Cancels the wait; the outcome may then be unknown.</param>
    ValueTask<CreateOutcome> CreateAsync(OwnershipRecord record, CancellationToken cancellationToken);

    /// <summary>Makes a mark of an epoch durable. Marks only grow; repeating one is harmless.</summary>
    ValueTask MarkAsync(Guid guestId, ulong epoch, OwnershipMark mark, CancellationToken cancellationToken);

    /// <summary>Reads the mark of an epoch.</summary>
    ValueTask<OwnershipMark> ReadMarkAsync(Guid guestId, ulong epoch, CancellationToken cancellationToken);

    /// <summary>Writes a nonce that the peer must read back: proof that both sides use the same store.</summary>
    ValueTask WriteNonceAsync(Guid guestId, AttemptId attempt, string side, Guid nonce, CancellationToken cancellationToken);

    /// <summary>Reads the nonce that a side wrote, or null.</summary>
    ValueTask<Guid?> ReadNonceAsync(Guid guestId, AttemptId attempt, string side, CancellationToken cancellationToken);

    /// <summary>Removes everything about a guest that does not exist any more. Never call it for a guest that may run.</summary>
    ValueTask RemoveGuestAsync(Guid guestId, CancellationToken cancellationToken);

    /// <summary>Removes what belongs to an ended attempt only (nonces, temporary files); epochs stay.</summary>
    ValueTask ForgetAttemptAsync(Guid guestId, AttemptId attempt, CancellationToken cancellationToken);
}
