using PageEngine.Ownership;
using static PageEngine.Simulation.Conformance.CheckVerdict;

namespace PageEngine.Simulation.Conformance;

// Owns: the checks of marks and nonces.

internal static class StoreMarkChecks
{
    private static readonly CancellationToken _none = CancellationToken.None;

    internal static CheckSuite<StoreBench>.Entry[] All =>
    [
        new("marks-grow", "A mark is kept and only grows: repeating one or writing a lower one changes nothing.", GrowAsync),
        new("marks-own-seen", "A process sees its own marks at once.", OwnSeenAsync),
        new("marks-race", "When both hosts mark at once the higher mark stays.", RaceAsync),
        new("mark-needs-epoch", "An epoch that does not exist cannot be marked: MigrationException, and no epoch appears.", NeedsEpochAsync),
        new("marks-of-one-epoch", "A mark belongs to its epoch; other epochs of the guest have their own.", OfOneEpochAsync),
        new("nonces-read-back", "A nonce is read back by the other host, for its guest, attempt and side alone; else null.", NoncesAsync),
    ];

    private static async Task<string> GrowAsync(StoreBench bench)
    {
        OwnershipRecord record = (await bench.HistoryAsync(1).ConfigureAwait(false))[0];
        await bench.ReadsMarkAsync(bench.There, record.GuestId, 1, OwnershipMark.None, "The mark of a new epoch").ConfigureAwait(false);
        (IOwnershipStore Store, OwnershipMark Mark, OwnershipMark Then)[] steps =
        [
            (bench.Here, OwnershipMark.Resuming, OwnershipMark.Resuming),
            (bench.There, OwnershipMark.Resuming, OwnershipMark.Resuming),
            (bench.Here, OwnershipMark.Running, OwnershipMark.Running),
            (bench.Here, OwnershipMark.Resuming, OwnershipMark.Running),
            (bench.There, OwnershipMark.Resuming, OwnershipMark.Running),
            (bench.There, OwnershipMark.Running, OwnershipMark.Running),
        ];
        string done = "";
        foreach ((IOwnershipStore store, OwnershipMark mark, OwnershipMark then) in steps)
        {
            await store.MarkAsync(record.GuestId, 1, mark, _none).ConfigureAwait(false);
            done += $" {mark}";
            await bench.ReadsMarkAsync(bench.Here, record.GuestId, 1, then, $"The mark at one host after{done}").ConfigureAwait(false);
            await bench.ReadsMarkAsync(bench.There, record.GuestId, 1, then, $"The mark at the other host after{done}").ConfigureAwait(false);
        }

        OwnershipRecord direct = (await bench.HistoryAsync(1).ConfigureAwait(false))[0];
        await bench.Here.MarkAsync(direct.GuestId, 1, OwnershipMark.Running, _none).ConfigureAwait(false);
        await bench.There.MarkAsync(direct.GuestId, 1, OwnershipMark.Resuming, _none).ConfigureAwait(false);
        await bench.ReadsMarkAsync(bench.There, direct.GuestId, 1, OwnershipMark.Running, "The mark after 'running' and then 'resuming'").ConfigureAwait(false);
        return "Marks went up and never down.";
    }

    private static async Task<string> OwnSeenAsync(StoreBench bench)
    {
        foreach (OwnershipRecord record in await bench.HistoryAsync(5).ConfigureAwait(false))
        {
            foreach (OwnershipMark mark in (OwnershipMark[])[OwnershipMark.Resuming, OwnershipMark.Running])
            {
                await bench.Here.MarkAsync(record.GuestId, record.Epoch, mark, _none).ConfigureAwait(false);
                RequireEqual(mark, await bench.Here.ReadMarkAsync(record.GuestId, record.Epoch, _none).ConfigureAwait(false), "The mark read right after it was written, over the same handle");
            }
        }

        return "Ten marks were each read back at once.";
    }

    private static async Task<string> RaceAsync(StoreBench bench)
    {
        OwnershipRecord[] history = await bench.HistoryAsync(bench.Options.Epochs).ConfigureAwait(false);
        foreach (OwnershipRecord record in history)
        {
            await StoreCreateChecks.TogetherAsync(2, async host =>
            {
                await (host == 0 ? bench.Here : bench.There).MarkAsync(record.GuestId, record.Epoch, host == 0 ? OwnershipMark.Running : OwnershipMark.Resuming, _none).ConfigureAwait(false);
                return true;
            }).ConfigureAwait(false);
            await bench.ReadsMarkAsync(bench.There, record.GuestId, record.Epoch, OwnershipMark.Running, "The mark after both were written at once").ConfigureAwait(false);
        }

        return $"{history.Length} races ended in the higher mark.";
    }

    private static async Task<string> NeedsEpochAsync(StoreBench bench)
    {
        OwnershipRecord record = (await bench.HistoryAsync(1).ConfigureAwait(false))[0];
        Guid empty = bench.NewGuest();
        foreach ((Guid guest, ulong epoch) in ((Guid, ulong)[])[(record.GuestId, 2), (empty, 1)])
        {
            try
            {
                await bench.Here.MarkAsync(guest, epoch, OwnershipMark.Resuming, _none).ConfigureAwait(false);
                Fail($"Marking epoch {epoch}, which does not exist, succeeded.");
            }
            catch (MigrationException)
            {
                // The contract's answer.
            }
        }

        await bench.ReadsAsync(bench.There, record.GuestId, record, "The record after the refused mark").ConfigureAwait(false);
        await bench.ReadsAsync(bench.There, empty, null, "The record of the guest that has none").ConfigureAwait(false);
        return "Two marks of missing epochs were refused.";
    }

    private static async Task<string> OfOneEpochAsync(StoreBench bench)
    {
        OwnershipRecord[] history = await bench.HistoryAsync(3).ConfigureAwait(false);
        await bench.Here.MarkAsync(history[0].GuestId, 2, OwnershipMark.Running, _none).ConfigureAwait(false);
        foreach ((ulong epoch, OwnershipMark mark) in ((ulong, OwnershipMark)[])[(1, OwnershipMark.None), (2, OwnershipMark.Running), (3, OwnershipMark.None)])
        {
            await bench.ReadsMarkAsync(bench.There, history[0].GuestId, epoch, mark, $"The mark of epoch {epoch} after epoch 2 was marked").ConfigureAwait(false);
        }

        await bench.CreatedAsync(bench.There, StoreBench.Some(history[0].GuestId, 4), "Creating the next epoch").ConfigureAwait(false);
        await bench.ReadsMarkAsync(bench.There, history[0].GuestId, 4, OwnershipMark.None, "The mark of an epoch created after a marked one").ConfigureAwait(false);
        await bench.ReadsMarkAsync(bench.There, history[0].GuestId, 2, OwnershipMark.Running, "The mark of an older epoch").ConfigureAwait(false);
        return "One of four epochs was marked, and it alone has the mark.";
    }

    private static async Task<string> NoncesAsync(StoreBench bench)
    {
        Guid guest = bench.NewGuest();
        AttemptId attempt = AttemptId.NewRandom();
        Guid source = Guid.NewGuid();
        Guid destination = Guid.NewGuid();
        await bench.ReadsNonceAsync(bench.There, guest, attempt, "source", null, "A nonce that nobody wrote").ConfigureAwait(false);
        await bench.Here.WriteNonceAsync(guest, attempt, "source", source, _none).ConfigureAwait(false);
        await bench.ReadsNonceAsync(bench.There, guest, attempt, "destination", null, "The nonce of the side that wrote none").ConfigureAwait(false);
        await bench.There.WriteNonceAsync(guest, attempt, "destination", destination, _none).ConfigureAwait(false);
        await bench.ReadsNonceAsync(bench.There, guest, attempt, "source", source, "The source's nonce at the destination").ConfigureAwait(false);
        await bench.ReadsNonceAsync(bench.Here, guest, attempt, "destination", destination, "The destination's nonce at the source").ConfigureAwait(false);
        await bench.ReadsNonceAsync(bench.Here, guest, AttemptId.NewRandom(), "source", null, "The nonce of another attempt").ConfigureAwait(false);
        await bench.ReadsNonceAsync(bench.Here, bench.NewGuest(), attempt, "source", null, "The nonce of another guest").ConfigureAwait(false);
        await bench.ReadsAsync(bench.Here, guest, null, "The record of a guest that has nonces only").ConfigureAwait(false);
        return "Both sides read the other's nonce, and no other.";
    }
}
