// An ownership store of one's own, and the proof that it keeps the contract. This one keeps every guest's epochs in a list
// that two "hosts" share; a store in a database would have the same shape, with a unique key on (guest, epoch).

using System.Collections.Concurrent;
using PageEngine;
using PageEngine.Ownership;
using PageEngine.Simulation.Conformance;

var table = new Table();
ConformanceReport report = await StoreConformance.RunAsync(
    () => new TableStore(table),
    new StoreConformanceOptions { CountEntries = () => table.Rows.Count });
Console.WriteLine(report);
return report.Passed ? 0 : 1;

/// <summary>What a database would hold: rows with a unique key. TryAdd is the insert that only one can win.</summary>
internal sealed class Table
{
    public ConcurrentDictionary<string, object> Rows { get; } = new();
}

/// <summary>One host's handle of the table.</summary>
internal sealed class TableStore(Table table) : IOwnershipStore
{
    public string Description => "a table with a unique key";

    public ValueTask<OwnershipRecord?> ReadAsync(Guid guestId, CancellationToken cancellationToken)
    {
        OwnershipRecord? highest = null;
        for (ulong epoch = 1; Epoch(guestId, epoch) is { } record; epoch++)
        {
            highest = record;
        }

        return new(highest);
    }

    public ValueTask<CreateOutcome> CreateAsync(OwnershipRecord record, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (record.Epoch > 1 && Epoch(record.GuestId, record.Epoch - 1) is null)
        {
            return new(CreateOutcome.Conflict); // there would be a gap
        }

        // Whoever inserts wins; whoever finds its own record there has won before.
        bool won = table.Rows.TryAdd(EpochKey(record.GuestId, record.Epoch), record) || Epoch(record.GuestId, record.Epoch) == record;
        return new(won ? CreateOutcome.Created : CreateOutcome.Conflict);
    }

    public ValueTask MarkAsync(Guid guestId, ulong epoch, OwnershipMark mark, CancellationToken cancellationToken)
    {
        if (Epoch(guestId, epoch) is null)
        {
            throw new MigrationException(MigrationErrorKind.OwnershipFailed, $"Epoch {epoch} of guest {guestId} is not in the table. Use the same table on both hosts.");
        }

        table.Rows.AddOrUpdate($"{guestId}/mark/{epoch}", mark, (_, before) => (OwnershipMark)before > mark ? before : mark);
        return ValueTask.CompletedTask;
    }

    public ValueTask<OwnershipMark> ReadMarkAsync(Guid guestId, ulong epoch, CancellationToken cancellationToken) =>
        new(table.Rows.TryGetValue($"{guestId}/mark/{epoch}", out object? mark) ? (OwnershipMark)mark : OwnershipMark.None);

    public ValueTask WriteNonceAsync(Guid guestId, AttemptId attempt, string side, Guid nonce, CancellationToken cancellationToken)
    {
        table.Rows[$"{guestId}/nonce/{attempt}/{side}"] = nonce;
        return ValueTask.CompletedTask;
    }

    public ValueTask<Guid?> ReadNonceAsync(Guid guestId, AttemptId attempt, string side, CancellationToken cancellationToken) =>
        new(table.Rows.TryGetValue($"{guestId}/nonce/{attempt}/{side}", out object? nonce) ? (Guid)nonce : null);

    public ValueTask RemoveGuestAsync(Guid guestId, CancellationToken cancellationToken) => Remove($"{guestId}/");

    public ValueTask ForgetAttemptAsync(Guid guestId, AttemptId attempt, CancellationToken cancellationToken) => Remove($"{guestId}/nonce/{attempt}/");

    private OwnershipRecord? Epoch(Guid guest, ulong epoch) => table.Rows.TryGetValue(EpochKey(guest, epoch), out object? record) ? (OwnershipRecord)record : null;

    private static string EpochKey(Guid guest, ulong epoch) => $"{guest}/epoch/{epoch}";

    private ValueTask Remove(string prefix)
    {
        foreach (string key in table.Rows.Keys.Where(key => key.StartsWith(prefix, StringComparison.Ordinal)))
        {
            table.Rows.TryRemove(key, out _);
        }

        return ValueTask.CompletedTask;
    }
}
