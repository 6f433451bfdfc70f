namespace PageEngine.Ownership;

// Owns: the seam to whatever decides who runs.

/// <summary>
/// Decides which run of a guest may execute. Creating epoch e+1 is the only commit point of a migration, and it can
/// be created once. No clock takes part. Implementations must be linearizable for <see cref="CreateAsync"/>. A
/// <see cref="ReadAsync"/> may be stale, which only delays; but what it returns is durable. A host sees the marks it left
/// itself, also after it was restarted: a run that was once marked "resuming" must never look as if it had not begun.
/// Safe to call from any thread; calls may block.
/// </summary>
public interface IOwnershipStore
{
    /// <summary>Gets a short description for reports, such as the directory.</summary>
    string Description { get; }

    /// <summary>Reads the highest epoch of a guest, or null when it has none.</summary>
    /// <exception cref="MigrationException">The store cannot be read, or a record is damaged.</exception>
    ValueTask<OwnershipRecord?> ReadAsync(Guid guestId, CancellationToken cancellationToken);

    /// <summary>Creates an epoch; exactly one record in the world can be it for each guest and epoch. Creating the
    /// record that is there already succeeds, so a create whose outcome was unknown can be tried again.</summary>
    /// <param name="record">The epoch must be 1, or the one after the highest; any other is a conflict.</param>
    /// <param name="cancellationToken">Cancels the wait; the outcome may then be unknown.</param>
    /// <exception cref="MigrationException">The store refused or failed, and the epoch was not created.</exception>
    ValueTask<CreateOutcome> CreateAsync(OwnershipRecord record, CancellationToken cancellationToken);

    /// <summary>Makes a mark of an epoch durable. Marks only grow; repeating one is harmless.</summary>
    /// <exception cref="MigrationException">There is no such epoch, or the mark may or may not be there.</exception>
    ValueTask MarkAsync(Guid guestId, ulong epoch, OwnershipMark mark, CancellationToken cancellationToken);

    /// <summary>Reads the mark of an epoch.</summary>
    ValueTask<OwnershipMark> ReadMarkAsync(Guid guestId, ulong epoch, CancellationToken cancellationToken);

    /// <summary>Writes a nonce that the peer must read back: proof that both sides use the same store.</summary>
    ValueTask WriteNonceAsync(Guid guestId, AttemptId attempt, string side, Guid nonce, CancellationToken cancellationToken);

    /// <summary>Reads the nonce that a side wrote, or null.</summary>
    ValueTask<Guid?> ReadNonceAsync(Guid guestId, AttemptId attempt, string side, CancellationToken cancellationToken);

    /// <summary>Removes everything about a guest that does not exist any more. Never call it for a guest that may run.</summary>
    /// <remarks>Afterwards the guest reads as unknown over this handle and over each that is opened later. Other handles that
    /// are open already, here or on other hosts, may go on showing what they have read of it.</remarks>
    ValueTask RemoveGuestAsync(Guid guestId, CancellationToken cancellationToken);

    /// <summary>Removes what belongs to an ended attempt only (nonces, temporary files); epochs stay.</summary>
    ValueTask ForgetAttemptAsync(Guid guestId, AttemptId attempt, CancellationToken cancellationToken);

    /// <summary>Does ahead what creating this record, or marking its epoch, would otherwise do while the guest stands
    /// still. Decides nothing and may do nothing.</summary>
    ValueTask StageAsync(OwnershipRecord record, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>Runs the real code of a create, a read and a mark on a scratch entry that decides nothing and is
    /// removed again: the caller times it, and the switchover is not its first run.</summary>
    ValueTask RehearseAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>Shows for as long as the returned object lives that this side's process takes part in an attempt; disposing
    /// it is leaving in an orderly way, and a process that dies leaves in another way that can be told apart.</summary>
    /// <returns>Null where the store cannot tell a dead process from a living one.</returns>
    ValueTask<IDisposable?> AnnounceAsync(Guid guestId, AttemptId attempt, string side, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IDisposable?>(null);

    /// <summary>Looks whether a side that announced itself is still there. For explanations and shorter waits only.</summary>
    ValueTask<AttemptPresence> LookAsync(Guid guestId, AttemptId attempt, string side, CancellationToken cancellationToken) =>
        ValueTask.FromResult(AttemptPresence.Unknown);
}
