using System.Collections.Concurrent;
using PageEngine.Ownership;
using static PageEngine.Simulation.Conformance.CheckVerdict;

namespace PageEngine.Simulation.Conformance;

// Owns: the checks of creating and reading epochs: the commit point of a migration.

internal static class StoreCreateChecks
{
    internal static CheckSuite<StoreBench>.Entry[] All =>
    [
        new("read-unknown-guest", "A guest without an epoch reads as null.", UnknownGuestAsync),
        new("create-in-order", "Epoch 1 and then each next one can be created from any host, and the highest is the record.", InOrderAsync),
        new("create-gap-conflicts", "An epoch that is neither the first nor the one after the highest is a conflict and changes nothing.", GapAsync),
        new("create-taken-conflicts", "An epoch that exists stays what it is: another record for it is a conflict.", TakenAsync),
        new("create-again-succeeds", "Creating the record that is there already succeeds, on every host, also after later epochs.", AgainAsync),
        new("create-race-one-winner", "Of any number of concurrent creators of an epoch exactly one wins.", RaceAsync),
        new("create-race-same-record", "Concurrent creators of the same record all learn that it was created.", SameRecordRaceAsync),
        new("read-during-race", "A read returns only what a creator won, and an epoch is the same record in every read.", ReadDuringRaceAsync),
        new("create-cancelled-one-winner", "A cancelled create leaves its record or nothing: tried again, exactly one creator has won.", CancelledAsync),
        new("guests-independent", "Guests do not touch each other, also when many threads use one handle at once.", IndependentAsync),
    ];

    private static async Task<string> UnknownGuestAsync(StoreBench bench)
    {
        RequireEqual(null, await bench.Here.ReadAsync(bench.NewGuest(), CancellationToken.None).ConfigureAwait(false), "Reading a guest that was never created");
        return "It reads as null.";
    }

    private static async Task<string> InOrderAsync(StoreBench bench)
    {
        Guid guest = bench.NewGuest();
        for (ulong epoch = 1; epoch <= 12; epoch++)
        {
            OwnershipRecord record = StoreBench.Some(guest, epoch);
            IOwnershipStore creator = epoch % 3 == 0 ? bench.There : bench.Here;
            await bench.CreatedAsync(creator, record, $"Creating epoch {epoch} after epoch {epoch - 1}").ConfigureAwait(false);
            await bench.ReadsAsync(bench.Here, guest, record, "The record at one host").ConfigureAwait(false);
            await bench.ReadsAsync(bench.There, guest, record, "The record at the other host").ConfigureAwait(false);
        }

        return "12 epochs were created by two hosts; both read each.";
    }

    private static async Task<string> GapAsync(StoreBench bench)
    {
        Guid empty = bench.NewGuest();
        foreach (ulong epoch in (ulong[])[2, 3, ulong.MaxValue])
        {
            await bench.ConflictAsync(bench.Here, StoreBench.Some(empty, epoch), $"Creating epoch {epoch} of a guest that has none").ConfigureAwait(false);
        }

        RequireEqual(null, await bench.Here.ReadAsync(empty, CancellationToken.None).ConfigureAwait(false), "The record after refused creates");
        OwnershipRecord[] history = await bench.HistoryAsync(3).ConfigureAwait(false);
        foreach (ulong epoch in (ulong[])[5, 6, ulong.MaxValue])
        {
            await bench.ConflictAsync(bench.There, StoreBench.Some(history[0].GuestId, epoch), $"Creating epoch {epoch} after epoch 3").ConfigureAwait(false);
        }

        await bench.ReadsAsync(bench.Here, history[0].GuestId, history[2], "The record after refused creates").ConfigureAwait(false);
        await bench.CreatedAsync(bench.There, StoreBench.Some(history[0].GuestId, 4), "Creating epoch 4 after refused creates").ConfigureAwait(false);
        return "Six gaps were refused, and the next epoch could still be created.";
    }

    private static async Task<string> TakenAsync(StoreBench bench)
    {
        OwnershipRecord[] history = await bench.HistoryAsync(3).ConfigureAwait(false);
        Guid guest = history[0].GuestId;
        foreach (OwnershipRecord taken in history)
        {
            foreach (IOwnershipStore store in (IOwnershipStore[])[bench.Here, bench.There])
            {
                await bench.ConflictAsync(store, StoreBench.Some(guest, taken.Epoch), $"Creating epoch {taken.Epoch} again with another record").ConfigureAwait(false);
                await bench.ConflictAsync(store, taken with { Attempt = AttemptId.NewRandom() }, $"Creating epoch {taken.Epoch} again for another attempt").ConfigureAwait(false);
                await bench.ConflictAsync(store, taken with { Holder = RunId.NewRandom() }, $"Creating epoch {taken.Epoch} again for another run").ConfigureAwait(false);
            }
        }

        await bench.ReadsAsync(bench.There, guest, history[2], "The record after refused creates").ConfigureAwait(false);
        return "18 other records for 3 epochs were refused.";
    }

    private static async Task<string> AgainAsync(StoreBench bench)
    {
        OwnershipRecord[] history = await bench.HistoryAsync(3).ConfigureAwait(false);
        foreach (OwnershipRecord record in history)
        {
            await bench.CreatedAsync(bench.Here, record, $"Creating epoch {record.Epoch} of 3 again at the same host").ConfigureAwait(false);
            await bench.CreatedAsync(bench.There, record, $"Creating epoch {record.Epoch} of 3 again at another host").ConfigureAwait(false);
        }

        await bench.ReadsAsync(bench.Here, history[0].GuestId, history[2], "The record after repeated creates").ConfigureAwait(false);
        return "Six repeated creates succeeded and changed nothing.";
    }

    private static async Task<string> RaceAsync(StoreBench bench)
    {
        Guid guest = bench.NewGuest();
        IOwnershipStore[] hosts = [bench.Here, bench.There, .. Enumerable.Range(2, Math.Max(0, bench.Options.Racers - 2)).Select(_ => bench.Open())];
        for (ulong epoch = 1; epoch <= (ulong)bench.Options.Epochs; epoch++)
        {
            OwnershipRecord[] records = [.. hosts.Select(_ => StoreBench.Some(guest, epoch))];
            CreateOutcome[] outcomes = await TogetherAsync(hosts.Length, racer => bench.CreateAsync(hosts[racer], records[racer])).ConfigureAwait(false);
            int winners = outcomes.Count(outcome => outcome == CreateOutcome.Created);
            Require(winners == 1, $"{winners} of {hosts.Length} creators won epoch {epoch}.");
            OwnershipRecord winner = records[Array.IndexOf(outcomes, CreateOutcome.Created)];
            await bench.ReadsAsync(hosts[(int)(epoch % (ulong)hosts.Length)], guest, winner, $"The record after the race for epoch {epoch}").ConfigureAwait(false);
        }

        return $"{bench.Options.Epochs} epochs, {hosts.Length} creators each: one winner each.";
    }

    private static async Task<string> SameRecordRaceAsync(StoreBench bench)
    {
        Guid guest = bench.NewGuest();
        IOwnershipStore[] hosts = [bench.Here, bench.There, bench.Here, bench.There];
        for (ulong epoch = 1; epoch <= (ulong)bench.Options.Epochs; epoch++)
        {
            OwnershipRecord record = StoreBench.Some(guest, epoch);
            CreateOutcome[] outcomes = await TogetherAsync(hosts.Length, racer => bench.CreateAsync(hosts[racer], record)).ConfigureAwait(false);
            Require(outcomes.All(outcome => outcome == CreateOutcome.Created), $"Creators of the same record for epoch {epoch} learned {string.Join(", ", outcomes)}.");
        }

        return $"{bench.Options.Epochs} epochs, {hosts.Length} creators of the same record each: all succeeded.";
    }

    private static async Task<string> ReadDuringRaceAsync(StoreBench bench)
    {
        Guid guest = bench.NewGuest();
        var won = new ConcurrentDictionary<ulong, OwnershipRecord>();
        var seen = new ConcurrentDictionary<ulong, OwnershipRecord>();
        using var ended = new CancellationTokenSource();
        Task[] readers = [.. ((IOwnershipStore[])[bench.Here, bench.There]).Select(store => Task.Run(async () =>
        {
            while (!ended.IsCancellationRequested)
            {
                if (await store.ReadAsync(guest, CancellationToken.None).ConfigureAwait(false) is { } read)
                {
                    Require(seen.GetOrAdd(read.Epoch, read) == read, $"Two reads of epoch {read.Epoch} returned different records.");
                }

                await Task.Yield();
            }
        }))];
        try
        {
            for (ulong epoch = 1; epoch <= (ulong)bench.Options.Epochs; epoch++)
            {
                OwnershipRecord[] records = [StoreBench.Some(guest, epoch), StoreBench.Some(guest, epoch)];
                CreateOutcome[] outcomes = await TogetherAsync(2, racer => bench.CreateAsync(racer == 0 ? bench.Here : bench.There, records[racer])).ConfigureAwait(false);
                int winner = Array.IndexOf(outcomes, CreateOutcome.Created);
                Require(winner >= 0, $"Nobody won epoch {epoch}.");
                won[epoch] = records[winner];
            }
        }
        finally
        {
            await ended.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(readers).ConfigureAwait(false);
        }

        foreach ((ulong epoch, OwnershipRecord read) in seen)
        {
            Require(won.TryGetValue(epoch, out OwnershipRecord? winner) && winner == read, $"A read returned {read}, which nobody won; epoch {epoch} is {(winner is null ? "not there" : winner.ToString())}.");
        }

        return $"{bench.Options.Epochs} epochs were raced for; readers saw {seen.Count} of them, each as its winner.";
    }

    private static async Task<string> CancelledAsync(StoreBench bench)
    {
        Guid guest = bench.NewGuest();
        int cancelled = 0;
        for (ulong epoch = 1; epoch <= (ulong)bench.Options.Epochs; epoch++)
        {
            OwnershipRecord[] records = [StoreBench.Some(guest, epoch), StoreBench.Some(guest, epoch)];
            TimeSpan[] patience = [TimeSpan.Zero, TimeSpan.FromMicroseconds(20 * epoch)];
            CreateOutcome[] first = await TogetherAsync(2, async racer =>
            {
                using var source = patience[racer] == TimeSpan.Zero ? new CancellationTokenSource() : new CancellationTokenSource(patience[racer], TimeProvider.System);
                if (patience[racer] == TimeSpan.Zero)
                {
                    await source.CancelAsync().ConfigureAwait(false);
                }

                try
                {
                    return await (racer == 0 ? bench.Here : bench.There).CreateAsync(records[racer], source.Token).ConfigureAwait(false);
                }
                catch (OperationCanceledException)
                {
                    Interlocked.Increment(ref cancelled);
                    return CreateOutcome.Unknown;
                }
            }).ConfigureAwait(false);
            CreateOutcome[] then = [await bench.CreateAsync(bench.Here, records[0]).ConfigureAwait(false), await bench.CreateAsync(bench.There, records[1]).ConfigureAwait(false)];
            int winners = then.Count(outcome => outcome == CreateOutcome.Created);
            Require(winners == 1, $"After cancelled creates of epoch {epoch}, {winners} of two creators have won it.");
            for (int racer = 0; racer < 2; racer++)
            {
                Require(first[racer] is CreateOutcome.Unknown || first[racer] == then[racer], $"A create of epoch {epoch} answered {first[racer]}, and the same one again {then[racer]}.");
            }

            await bench.ReadsAsync(bench.There, guest, records[Array.IndexOf(then, CreateOutcome.Created)], "The record after cancelled creates").ConfigureAwait(false);
        }

        return $"{bench.Options.Epochs} epochs, {cancelled} cancelled creates: one winner each.";
    }

    private static async Task<string> IndependentAsync(StoreBench bench)
    {
        const int Guests = 8;
        const int Epochs = 10;
        Guid[] guests = [.. Enumerable.Range(0, Guests).Select(_ => bench.NewGuest())];
        OwnershipRecord[] last = await TogetherAsync(Guests, async number =>
        {
            OwnershipRecord record = StoreBench.Some(guests[number], 1);
            for (ulong epoch = 1; epoch <= Epochs; epoch++)
            {
                record = StoreBench.Some(guests[number], epoch);
                await bench.CreatedAsync(bench.Here, record, $"Creating epoch {epoch} of a guest that nobody else uses").ConfigureAwait(false);
                if (epoch == (ulong)number + 1)
                {
                    await bench.Here.MarkAsync(guests[number], epoch, OwnershipMark.Running, CancellationToken.None).ConfigureAwait(false);
                }
            }

            return record;
        }).ConfigureAwait(false);
        for (int number = 0; number < Guests; number++)
        {
            await bench.ReadsAsync(bench.There, guests[number], last[number], "The record of one of several guests").ConfigureAwait(false);
            for (ulong epoch = 1; epoch <= Guests; epoch++)
            {
                OwnershipMark expected = epoch == (ulong)number + 1 ? OwnershipMark.Running : OwnershipMark.None;
                await bench.ReadsMarkAsync(bench.There, guests[number], epoch, expected, "The mark of one of several guests").ConfigureAwait(false);
            }
        }

        return $"{Guests} guests of {Epochs} epochs each were created at once over one handle.";
    }

    /// <summary>Runs callers that begin at the same moment, each on a thread of its own: calls may block.</summary>
    internal static async Task<T[]> TogetherAsync<T>(int callers, Func<int, Task<T>> call)
    {
        using var start = new Barrier(callers);
        return await Task.WhenAll(Enumerable.Range(0, callers).Select(caller => Task.Factory.StartNew(
            () =>
            {
                start.SignalAndWait();
                return call(caller).GetAwaiter().GetResult();
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default))).ConfigureAwait(false);
    }
}
