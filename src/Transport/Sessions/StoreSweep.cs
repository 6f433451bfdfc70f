using PageEngine.Ownership;
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
    internal Task RemoveScratchAsync(Guid scratch) => RunAsync(store => RemoveScratchAsync(store, scratch));

    // The source names the rehearsal's guest, and a hostile one could name a real one: only what this migration's own two
    // runs created is scratch.
    private async ValueTask RemoveScratchAsync(IOwnershipStore store, Guid scratch)
    {
        OwnershipRecord? record = await store.ReadAsync(scratch, CancellationToken.None).ConfigureAwait(false);
        if (record is not null && scratch != hello.GuestId && (record.Holder == run || record.Holder == hello.SourceRun))
        {
            await store.RemoveGuestAsync(scratch, CancellationToken.None).ConfigureAwait(false);
        }
    }

    private async Task RunAsync(Func<IOwnershipStore, ValueTask> sweep)
    {
        try
        {
            if (options.OwnershipStore is { } store)
            {
                await StoreCall.RunAsync(store, sweep, options.NetworkTimeout, options.TimeProvider).ConfigureAwait(false);
            }
        }
        catch (MigrationException e)
        {
            identity.Logger.Note(identity.Id, identity.Side, $"The attempt's marks could not be removed from the ownership store: {e.Message}");
        }
    }
}
