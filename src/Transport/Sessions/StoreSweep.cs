using PageEngine.Ownership;
using PageEngine.Switchover;
using PageEngine.Transport.Control;

namespace PageEngine.Transport.Sessions;

// Owns: what the destination removes from the ownership store when a migration has ended, and what it must not touch.
// The source sweeps as well, but it may have done so before this side's last file was written.

/// <summary>The destination's sweeping. Best effort: what stays decides nothing.</summary>
internal sealed class StoreSweep(MigrationDestinationOptions options, MigrationIdentity identity, HelloMessage hello, RunId run)
{
    /// <summary>Removes what belongs to the attempt only.</summary>
    internal Task ForgetAttemptAsync() => RunAsync(store => store.ForgetAttemptAsync(hello.GuestId, hello.Attempt, CancellationToken.None));

    /// <summary>Removes the guest of a rehearsal that the source may not be able to remove any more.</summary>
    /// <param name="scratch">The rehearsal's own attempt, as this side knows it.</param>
    /// <param name="hasRun">Whether the guest ran here: the record gave it to this run, whatever is left of it now.</param>
    internal Task RemoveScratchAsync(SwitchoverAttempt scratch, bool hasRun) => RunAsync(store => hasRun
        ? store.RemoveGuestAsync(scratch.GuestId, CancellationToken.None)
        : RemoveScratchAsync(store, scratch));

    // The source names the rehearsal's guest, and a hostile one could name a real one: only what this migration's own two
    // runs created is scratch, and marks of an epoch that is not there, which a side that was stopped wrote too late.
    private async ValueTask RemoveScratchAsync(IOwnershipStore store, SwitchoverAttempt scratch)
    {
        if (scratch.GuestId == hello.GuestId)
        {
            return;
        }

        OwnershipRecord? record = await store.ReadAsync(scratch.GuestId, CancellationToken.None).ConfigureAwait(false);
        if (record is null)
        {
            await store.ForgetAttemptAsync(scratch.GuestId, scratch.Attempt, CancellationToken.None).ConfigureAwait(false);
        }

        bool isOurs = record is null
            ? await store.ReadMarkAsync(scratch.GuestId, scratch.ForDestination.Epoch, CancellationToken.None).ConfigureAwait(false) != OwnershipMark.None
            : record.Holder == run || record.Holder == hello.SourceRun;
        if (isOurs)
        {
            await store.RemoveGuestAsync(scratch.GuestId, CancellationToken.None).ConfigureAwait(false);
        }
    }

    private async Task RunAsync(Func<IOwnershipStore, ValueTask> sweep)
    {
        try
        {
            if (options.OwnershipStore is { } store)
            {
                await StoreCall.SweepAsync(store, sweep, options.NetworkTimeout, options.TimeProvider).ConfigureAwait(false);
            }
        }
        catch (MigrationException e)
        {
            identity.Logger.Note(identity.Id, identity.Side, $"The attempt's marks could not be removed from the ownership store: {e.Message}");
        }
    }
}
