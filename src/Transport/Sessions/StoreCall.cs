using PageEngine.Ownership;

namespace PageEngine.Transport.Sessions;

// Owns: how the ownership store is called while a guest stands still: a store that does not answer must not hold the
// machine that waits for it. What it does later counts as late, which the tables allow for.

internal static class StoreCall
{
    /// <summary>Calls the store and waits no longer than the limit.</summary>
    /// <exception cref="MigrationException">The store's own, or that it did not answer.</exception>
    internal static async Task<T> RunAsync<T>(IOwnershipStore store, Func<IOwnershipStore, ValueTask<T>> call, TimeSpan limit, TimeProvider time)
    {
        // The file store blocks the thread that calls it, for as long as its disk does.
        var answer = Task.Run(() => call(store).AsTask());
        try
        {
            return await answer.WaitAsync(limit, time).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not (MigrationException or TimeoutException or OperationCanceledException or OutOfMemoryException))
        {
            // The store may be the embedder's.
            throw new MigrationException(MigrationErrorKind.OwnershipFailed, $"The ownership store ({store.Description}) failed: {e.Message} ({e.GetType().Name})", e)
            { DetectedBy = DetectedBy.Supervisor };
        }
        catch (TimeoutException)
        {
            _ = answer.ContinueWith(
                static late => _ = late.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            throw new MigrationException(
                MigrationErrorKind.OwnershipFailed,
                $"The ownership store ({store.Description}) did not answer within {limit.TotalSeconds:0.###} s. Check its disk or its server.")
            { DetectedBy = DetectedBy.Supervisor };
        }
    }

    /// <summary>As the other, for calls without a result.</summary>
    internal static Task RunAsync(IOwnershipStore store, Func<IOwnershipStore, ValueTask> call, TimeSpan limit, TimeProvider time) =>
        RunAsync(
            store,
            async called =>
            {
                await call(called).ConfigureAwait(false);
                return true;
            },
            limit,
            time);
}
