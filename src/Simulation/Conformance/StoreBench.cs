using System.Collections.Concurrent;
using PageEngine.Ownership;
using static PageEngine.Simulation.Conformance.CheckVerdict;

namespace PageEngine.Simulation.Conformance;

// Owns: the handles and guests of one store check. A handle is opened where two hosts would open theirs; all guests are
// removed and all handles disposed at the end.

/// <summary>Two hosts' handles of one store.</summary>
internal sealed class StoreBench : IAsyncDisposable
{
    private readonly Func<IOwnershipStore> _open;
    private readonly HashSet<IOwnershipStore> _handles = new(ReferenceEqualityComparer.Instance);
    private readonly ConcurrentBag<Guid> _guests = [];

    internal StoreBench(Func<IOwnershipStore> open, StoreConformanceOptions options)
    {
        _open = open;
        Options = options;
        Here = Open();
        There = Open();
    }

    internal StoreConformanceOptions Options { get; }

    internal IOwnershipStore Here { get; private set; }

    internal IOwnershipStore There { get; private set; }

    internal IOwnershipStore Open()
    {
        IOwnershipStore store = _open();
        Require(store is not null, "Opening the store gave nothing.");
        _handles.Add(store);
        return store;
    }

    /// <summary>Closes every handle, as if both hosts were started again.</summary>
    internal async Task ReopenAsync()
    {
        await CloseAsync().ConfigureAwait(false);
        Here = Open();
        There = Open();
    }

    internal Guid NewGuest()
    {
        Guid guest = Guid.NewGuid();
        _guests.Add(guest);
        return guest;
    }

    internal static OwnershipRecord Some(Guid guest, ulong epoch) => new(guest, epoch, RunId.NewRandom(), AttemptId.NewRandom());

    /// <summary>Creates until the outcome is known, as the engine does.</summary>
    internal async Task<CreateOutcome> CreateAsync(IOwnershipStore store, OwnershipRecord record)
    {
        long start = TimeProvider.System.GetTimestamp();
        while (true)
        {
            CreateOutcome outcome = await store.CreateAsync(record, CancellationToken.None).ConfigureAwait(false);
            Require(outcome is CreateOutcome.Created or CreateOutcome.Conflict or CreateOutcome.Unknown, $"A create answered {outcome}, which is no outcome.");
            if (outcome != CreateOutcome.Unknown)
            {
                return outcome;
            }

            Require(TimeProvider.System.GetElapsedTime(start) < Options.StaleFor, "A create went on answering 'unknown' without a fault.");
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System).ConfigureAwait(false);
        }
    }

    internal async Task CreatedAsync(IOwnershipStore store, OwnershipRecord record, string what) =>
        RequireEqual(CreateOutcome.Created, await CreateAsync(store, record).ConfigureAwait(false), what);

    internal async Task ConflictAsync(IOwnershipStore store, OwnershipRecord record, string what) =>
        RequireEqual(CreateOutcome.Conflict, await CreateAsync(store, record).ConfigureAwait(false), what);

    /// <summary>A guest whose epochs 1 to <paramref name="epochs"/> were created.</summary>
    internal async Task<OwnershipRecord[]> HistoryAsync(int epochs)
    {
        Guid guest = NewGuest();
        var records = new OwnershipRecord[epochs];
        for (int i = 0; i < epochs; i++)
        {
            records[i] = Some(guest, (ulong)i + 1);
            await CreatedAsync(Here, records[i], $"Creating epoch {i + 1} after epoch {i}").ConfigureAwait(false);
        }

        return records;
    }

    /// <summary>Reads until the answer is the expected one; a read may be stale for a while.</summary>
    internal Task ReadsAsync(IOwnershipStore store, Guid guest, OwnershipRecord? expected, string what) =>
        EventuallyAsync(() => store.ReadAsync(guest, CancellationToken.None), expected, what);

    internal Task ReadsMarkAsync(IOwnershipStore store, Guid guest, ulong epoch, OwnershipMark expected, string what) =>
        EventuallyAsync(() => store.ReadMarkAsync(guest, epoch, CancellationToken.None), expected, what);

    internal Task ReadsNonceAsync(IOwnershipStore store, Guid guest, AttemptId attempt, string side, Guid? expected, string what) =>
        EventuallyAsync(() => store.ReadNonceAsync(guest, attempt, side, CancellationToken.None), expected, what);

    public async ValueTask DisposeAsync()
    {
        foreach (Guid guest in _guests)
        {
            await Here.RemoveGuestAsync(guest, CancellationToken.None).ConfigureAwait(false);
        }

        await CloseAsync().ConfigureAwait(false);
    }

    private async Task CloseAsync()
    {
        foreach (IOwnershipStore handle in _handles)
        {
            if (handle is IAsyncDisposable asynchronous)
            {
                await asynchronous.DisposeAsync().ConfigureAwait(false);
            }
            else
            {
                (handle as IDisposable)?.Dispose();
            }
        }

        _handles.Clear();
    }

    private async Task EventuallyAsync<T>(Func<ValueTask<T>> read, T expected, string what)
    {
        long start = TimeProvider.System.GetTimestamp();
        T found = await read().ConfigureAwait(false);
        while (!EqualityComparer<T>.Default.Equals(found, expected) && TimeProvider.System.GetElapsedTime(start) < Options.StaleFor)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System).ConfigureAwait(false);
            found = await read().ConfigureAwait(false);
        }

        RequireEqual(expected, found, what);
    }
}
