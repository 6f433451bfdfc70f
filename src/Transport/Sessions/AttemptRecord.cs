using PageEngine.Ownership;
using PageEngine.Switchover;

namespace PageEngine.Transport.Sessions;

// Owns: what both sides of a switchover ask of the ownership store. No call waits longer than the limit.

/// <summary>The record of one attempt. One task uses it.</summary>
internal sealed class AttemptRecord(IOwnershipStore store, SwitchoverAttempt attempt, TimeSpan limit, TimeProvider time)
{
    /// <summary>Reads the highest record, then the mark of the epoch that the attempt would give to the destination.</summary>
    internal Task<(OwnershipRecord? Record, OwnershipMark Mark)> ReadAsync() => StoreCall.RunAsync(store, ReadBothAsync, limit, time);

    /// <summary>Creates one of the attempt's epochs. What throws may still happen.</summary>
    internal Task<CreateOutcome> CreateAsync(OwnershipRecord record) =>
        StoreCall.RunAsync(store, called => called.CreateAsync(record, CancellationToken.None), limit, time);

    /// <summary>Marks the destination's epoch.</summary>
    internal Task MarkAsync(OwnershipMark mark) => StoreCall.RunAsync(
        store, called => called.MarkAsync(attempt.GuestId, attempt.ForDestination.Epoch, mark, CancellationToken.None), limit, time);

    /// <summary>Writes ahead what granting the guest will need.</summary>
    internal Task StageAsync(CancellationToken cancellationToken) =>
        StoreCall.RunAsync(store, called => called.StageAsync(attempt.ForDestination, cancellationToken), limit, time);

    private async ValueTask<(OwnershipRecord? Record, OwnershipMark Mark)> ReadBothAsync(IOwnershipStore called)
    {
        OwnershipRecord? record = await called.ReadAsync(attempt.GuestId, CancellationToken.None).ConfigureAwait(false);
        return (record, record?.Epoch > attempt.BaseEpoch
            ? await called.ReadMarkAsync(attempt.GuestId, attempt.ForDestination.Epoch, CancellationToken.None).ConfigureAwait(false)
            : OwnershipMark.None);
    }
}
