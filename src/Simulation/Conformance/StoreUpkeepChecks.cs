using PageEngine.Ownership;
using static PageEngine.Simulation.Conformance.CheckVerdict;

namespace PageEngine.Simulation.Conformance;

// Owns: the checks of what is not a decision: staging, rehearsing, forgetting, removing, closing; and the comparison of
// random calls with a model.

internal static class StoreUpkeepChecks
{
    private static readonly CancellationToken _none = CancellationToken.None;

    internal static CheckSuite<StoreBench>.Entry[] All =>
    [
        new("describe", "The store describes itself for reports.", DescribeAsync),
        new("stage-decides-nothing", "Staging a record decides nothing: nobody reads it, and another record can still win.", StageAsync),
        new("rehearse-leaves-guests", "A rehearsal can be repeated, and leaves every guest's epochs and marks as they are.", RehearseAsync),
        new("rehearse-leaves-nothing", "What a rehearsal wrote is removed again (needs CountEntries).", RehearseLeavesNothingAsync),
        new("forget-attempt-leaves-epochs", "Forgetting an attempt leaves the epoch that it created, its mark, and other attempts' nonces.", ForgetAsync),
        new("forget-attempt-removes-nonces", "Forgetting an attempt removes its nonces, and a record staged before can still be created.", ForgetRemovesAsync),
        new("remove-guest", "Removing a guest removes all of it and nothing of another guest; it can begin again at epoch 1.", RemoveAsync),
        new("survives-reopening", "What was created and marked is there when every host opens the store again.", ReopenAsync),
        new("model", "Random calls from two hosts answer as a list of write-once epochs and growing marks would.", ModelAsync),
    ];

    private static Task<string> DescribeAsync(StoreBench bench)
    {
        Require(!string.IsNullOrWhiteSpace(bench.Here.Description), "The description is empty.");
        return Task.FromResult($"\"{bench.Here.Description}\"");
    }

    private static async Task<string> StageAsync(StoreBench bench)
    {
        Guid guest = bench.NewGuest();
        OwnershipRecord? before = null;
        for (ulong epoch = 1; epoch <= 3; epoch++)
        {
            OwnershipRecord mine = StoreBench.Some(guest, epoch);
            OwnershipRecord theirs = StoreBench.Some(guest, epoch);
            await bench.Here.StageAsync(mine, _none).ConfigureAwait(false);
            await bench.ReadsAsync(bench.Here, guest, before, "The record at the host that staged the next one").ConfigureAwait(false);
            await bench.ReadsAsync(bench.There, guest, before, "The record at the other host after a stage").ConfigureAwait(false);
            await bench.CreatedAsync(bench.There, theirs, "Creating an epoch for which another record is staged").ConfigureAwait(false);
            await bench.ConflictAsync(bench.Here, mine, "Creating a staged record after another one won").ConfigureAwait(false);
            await bench.ReadsAsync(bench.Here, guest, theirs, "The record").ConfigureAwait(false);
            before = theirs;
        }

        OwnershipRecord last = StoreBench.Some(guest, 4);
        await bench.Here.StageAsync(last, _none).ConfigureAwait(false);
        await bench.CreatedAsync(bench.Here, last, "Creating a staged record").ConfigureAwait(false);
        await bench.ReadsAsync(bench.There, guest, last, "The record that was staged and created").ConfigureAwait(false);
        return "Three staged records lost to others, one was created.";
    }

    private static async Task<string> RehearseAsync(StoreBench bench)
    {
        OwnershipRecord[] history = await bench.HistoryAsync(2).ConfigureAwait(false);
        await bench.Here.MarkAsync(history[0].GuestId, 2, OwnershipMark.Resuming, _none).ConfigureAwait(false);
        await StoreCreateChecks.TogetherAsync(4, async host =>
        {
            IOwnershipStore store = host % 2 == 0 ? bench.Here : bench.There;
            await store.RehearseAsync(_none).ConfigureAwait(false);
            await store.RehearseAsync(_none).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
        await bench.ReadsAsync(bench.There, history[0].GuestId, history[1], "The record after rehearsals").ConfigureAwait(false);
        await bench.ReadsMarkAsync(bench.Here, history[0].GuestId, 2, OwnershipMark.Resuming, "The mark after rehearsals").ConfigureAwait(false);
        await bench.CreatedAsync(bench.Here, StoreBench.Some(history[0].GuestId, 3), "Creating the next epoch after rehearsals").ConfigureAwait(false);
        return "Eight rehearsals from two hosts changed nothing.";
    }

    private static async Task<string> RehearseLeavesNothingAsync(StoreBench bench)
    {
        if (bench.Options.CountEntries is not { } count)
        {
            Skip("CountEntries was not given.");
            return "";
        }

        await bench.HistoryAsync(1).ConfigureAwait(false);
        long before = count();
        for (int i = 0; i < 3; i++)
        {
            await bench.Here.RehearseAsync(_none).ConfigureAwait(false);
            await bench.There.RehearseAsync(_none).ConfigureAwait(false);
        }

        RequireEqual(before, count(), "Entries in the store after six rehearsals");
        return $"{before} entries before and after six rehearsals.";
    }

    private static async Task<string> ForgetAsync(StoreBench bench)
    {
        OwnershipRecord[] history = await bench.HistoryAsync(2).ConfigureAwait(false);
        Guid guest = history[0].GuestId;
        AttemptId other = AttemptId.NewRandom();
        Guid nonce = Guid.NewGuid();
        await bench.Here.MarkAsync(guest, 2, OwnershipMark.Running, _none).ConfigureAwait(false);
        await bench.Here.WriteNonceAsync(guest, other, "source", nonce, _none).ConfigureAwait(false);
        foreach (OwnershipRecord record in history)
        {
            await bench.Here.ForgetAttemptAsync(guest, record.Attempt, _none).ConfigureAwait(false);
            await bench.There.ForgetAttemptAsync(guest, record.Attempt, _none).ConfigureAwait(false);
        }

        await bench.ReadsAsync(bench.There, guest, history[1], "The record after its attempt was forgotten").ConfigureAwait(false);
        await bench.ReadsMarkAsync(bench.There, guest, 2, OwnershipMark.Running, "The mark after the attempt was forgotten").ConfigureAwait(false);
        await bench.ReadsNonceAsync(bench.There, guest, other, "source", nonce, "The nonce of another attempt").ConfigureAwait(false);
        await bench.ConflictAsync(bench.There, StoreBench.Some(guest, 1), "Creating the first epoch again after its attempt was forgotten").ConfigureAwait(false);
        return "Two attempts were forgotten twice; epochs, mark and the other nonce are there.";
    }

    private static async Task<string> ForgetRemovesAsync(StoreBench bench)
    {
        OwnershipRecord record = StoreBench.Some(bench.NewGuest(), 1);
        await bench.Here.WriteNonceAsync(record.GuestId, record.Attempt, "source", Guid.NewGuid(), _none).ConfigureAwait(false);
        await bench.Here.StageAsync(record, _none).ConfigureAwait(false);
        await bench.There.ForgetAttemptAsync(record.GuestId, record.Attempt, _none).ConfigureAwait(false);
        await bench.ReadsNonceAsync(bench.Here, record.GuestId, record.Attempt, "source", null, "A nonce after its attempt was forgotten").ConfigureAwait(false);
        await bench.CreatedAsync(bench.Here, record, "Creating a staged record whose attempt the other host forgot").ConfigureAwait(false);
        return "The nonce is gone, the staged record was created.";
    }

    private static async Task<string> RemoveAsync(StoreBench bench)
    {
        long? before = bench.Options.CountEntries?.Invoke();
        OwnershipRecord[] gone = await bench.HistoryAsync(3).ConfigureAwait(false);
        Guid guest = gone[0].GuestId;
        await bench.Here.MarkAsync(guest, 1, OwnershipMark.Running, _none).ConfigureAwait(false);
        await bench.Here.WriteNonceAsync(guest, gone[0].Attempt, "source", Guid.NewGuid(), _none).ConfigureAwait(false);
        long? between = bench.Options.CountEntries?.Invoke();
        OwnershipRecord[] stays = await bench.HistoryAsync(2).ConfigureAwait(false);
        await bench.There.MarkAsync(stays[0].GuestId, 1, OwnershipMark.Running, _none).ConfigureAwait(false);
        long? full = bench.Options.CountEntries?.Invoke();
        await bench.There.RemoveGuestAsync(guest, _none).ConfigureAwait(false);
        await bench.There.RemoveGuestAsync(guest, _none).ConfigureAwait(false);
        if (full is { } all)
        {
            RequireEqual(all - (between!.Value - before!.Value), bench.Options.CountEntries!(), "Entries in the store after the guest was removed");
        }

        // Another handle that is open already may remember the guest: reads may be stale, and the guest is no more.
        foreach (IOwnershipStore store in (IOwnershipStore[])[bench.There, bench.Open()])
        {
            await bench.ReadsAsync(store, guest, null, "The record of a removed guest").ConfigureAwait(false);
            await bench.ReadsNonceAsync(store, guest, gone[0].Attempt, "source", null, "A nonce of a removed guest").ConfigureAwait(false);
        }

        await bench.ReadsAsync(bench.Here, stays[0].GuestId, stays[1], "The record of the guest that stays").ConfigureAwait(false);
        await bench.ReadsMarkAsync(bench.Here, stays[0].GuestId, 1, OwnershipMark.Running, "The mark of the guest that stays").ConfigureAwait(false);
        await bench.CreatedAsync(bench.There, StoreBench.Some(guest, 1), "Creating epoch 1 of a guest that was removed").ConfigureAwait(false);
        await bench.ReadsMarkAsync(bench.There, guest, 1, OwnershipMark.None, "The mark of the new epoch 1").ConfigureAwait(false);
        return "One of two guests was removed and began again.";
    }

    private static async Task<string> ReopenAsync(StoreBench bench)
    {
        OwnershipRecord[] history = await bench.HistoryAsync(3).ConfigureAwait(false);
        Guid guest = history[0].GuestId;
        await bench.Here.MarkAsync(guest, 1, OwnershipMark.Resuming, _none).ConfigureAwait(false);
        await bench.There.MarkAsync(guest, 3, OwnershipMark.Running, _none).ConfigureAwait(false);
        await bench.ReopenAsync().ConfigureAwait(false);
        await bench.ReadsAsync(bench.Here, guest, history[2], "The record after the store was opened again").ConfigureAwait(false);
        foreach ((ulong epoch, OwnershipMark mark) in ((ulong, OwnershipMark)[])[(1, OwnershipMark.Resuming), (2, OwnershipMark.None), (3, OwnershipMark.Running)])
        {
            await bench.ReadsMarkAsync(bench.There, guest, epoch, mark, $"The mark of epoch {epoch} after the store was opened again").ConfigureAwait(false);
        }

        await bench.ConflictAsync(bench.There, StoreBench.Some(guest, 3), "Creating an epoch that was created before the store was opened again").ConfigureAwait(false);
        await bench.CreatedAsync(bench.Here, history[1], "Creating the same record after the store was opened again").ConfigureAwait(false);
        return "Three epochs and two marks survived.";
    }

    private static async Task<string> ModelAsync(StoreBench bench)
    {
        var random = new Random(bench.Options.Seed);
        Guid guest = bench.NewGuest();
        var model = new List<OwnershipRecord>();
        var marks = new Dictionary<ulong, OwnershipMark>();
        var calls = new Queue<string>();
        for (int i = 0; i < bench.Options.RandomCalls; i++)
        {
            IOwnershipStore store = random.Next(2) == 0 ? bench.Here : bench.There;
            ulong epoch = (ulong)Math.Max(1, model.Count + random.Next(-2, 3));
            string call = $"{i + 1} calls (seed {bench.Options.Seed}), the last ones {string.Join(", ", calls)}; then ";
            switch (random.Next(7))
            {
                case 0 or 1:
                    OwnershipRecord record = random.Next(4) == 0 && epoch <= (ulong)model.Count ? model[(int)epoch - 1] : StoreBench.Some(guest, epoch);
                    Note($"create {epoch}");
                    bool wins = epoch == (ulong)model.Count + 1 || (epoch <= (ulong)model.Count && model[(int)epoch - 1] == record);
                    RequireEqual(wins ? CreateOutcome.Created : CreateOutcome.Conflict, await bench.CreateAsync(store, record).ConfigureAwait(false), $"{call}creating epoch {epoch} after epoch {model.Count}");
                    if (epoch == (ulong)model.Count + 1)
                    {
                        model.Add(record);
                    }

                    break;
                case 2 when epoch <= (ulong)model.Count:
                    OwnershipMark mark = random.Next(2) == 0 ? OwnershipMark.Resuming : OwnershipMark.Running;
                    Note($"mark {epoch} {mark}");
                    await store.MarkAsync(guest, epoch, mark, _none).ConfigureAwait(false);
                    marks[epoch] = (OwnershipMark)Math.Max((int)mark, (int)marks.GetValueOrDefault(epoch));
                    break;
                case 3 when epoch <= (ulong)model.Count:
                    await bench.ReadsMarkAsync(store, guest, epoch, marks.GetValueOrDefault(epoch), $"{call}the mark of epoch {epoch}").ConfigureAwait(false);
                    break;
                case 4:
                    Note($"stage {epoch}");
                    await store.StageAsync(StoreBench.Some(guest, epoch), _none).ConfigureAwait(false);
                    break;
                case 5 when model.Count > 0:
                    Note("forget an attempt");
                    await store.ForgetAttemptAsync(guest, model[random.Next(model.Count)].Attempt, _none).ConfigureAwait(false);
                    break;
                default:
                    await bench.ReadsAsync(store, guest, model.LastOrDefault(), $"{call}the record").ConfigureAwait(false);
                    break;
            }
        }

        return $"{bench.Options.RandomCalls} calls, {model.Count} epochs, {marks.Count} of them marked.";

        void Note(string call)
        {
            calls.Enqueue(call);
            if (calls.Count > 8)
            {
                calls.Dequeue();
            }
        }
    }
}
