using System.Runtime.CompilerServices;
using PageEngine.Ownership;

namespace PageEngine.Transport.Sessions;

// Owns: how the ownership store is called while a guest stands still: a store that does not answer must not hold the
// machine that waits for it. What it does later counts as late, which the tables allow for.

internal static class StoreCall
{
    private static readonly ConditionalWeakTable<IOwnershipStore, GivenUpCalls> _givenUp = [];

    /// <summary>Gets a task that ends when every call of this process to the store has ended that nobody waits for any more:
    /// what comes after it finds what they wrote.</summary>
    internal static Task GivenUpAsync(IOwnershipStore store) => _givenUp.TryGetValue(store, out GivenUpCalls? calls) ? calls.Ended : Task.CompletedTask;

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
            _givenUp.GetValue(store, static _ => new GivenUpCalls()).Add(answer.ContinueWith(
                static late => _ = late.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default));
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

    /// <summary>Removes something from the store: after the calls that were given up, because the store or this process stood
    /// still meanwhile, for what they still write is to go, too.</summary>
    internal static Task SweepAsync(IOwnershipStore store, Func<IOwnershipStore, ValueTask> sweep, TimeSpan limit, TimeProvider time)
    {
        Task givenUp = GivenUpAsync(store);
        return RunAsync(
            store,
            async called =>
            {
                await givenUp.ConfigureAwait(false);
                await sweep(called).ConfigureAwait(false);
            },
            limit,
            time);
    }

    /// <summary>The calls to one store that still run although nobody waits for them.</summary>
    private sealed class GivenUpCalls
    {
        private readonly Lock _gate = new();
        private Task _ended = Task.CompletedTask;

        internal Task Ended
        {
            get
            {
                lock (_gate)
                {
                    return _ended;
                }
            }
        }

        internal void Add(Task call)
        {
            lock (_gate)
            {
                _ended = _ended.IsCompleted ? call : Task.WhenAll(_ended, call);
            }
        }
    }
}
