using PageEngine.Checkpoints.Writing;
using PageEngine.Memory;
using PageEngine.Ownership;
using Xunit;

namespace PageEngine.Checkpoints.Tests;

// Owns: who may run from a checkpoint, by the record and never by a clock.
public class OwnershipTests
{
    private readonly MemoryOwnershipStore _store = new();

    [Fact]
    public async Task A_suspended_guest_runs_on_once()
    {
        CheckpointInfo saved = await SaveAsync(suspend: true);
        GuestOwnership first = await CheckpointOwnership.ClaimAsync(_store, saved);
        Assert.Equal(2UL, first.Epoch);
        OwnershipRecord? record = await _store.ReadAsync(Guests.Id, default);
        Assert.Equal((2UL, first.Run), (record!.Epoch, record.Holder));
        Assert.Equal(OwnershipMark.Running, await _store.ReadMarkAsync(Guests.Id, 2, default));
        await RefusedAsync(saved, "since then run");
    }

    [Fact]
    public async Task A_snapshot_of_a_guest_that_went_on_is_refused_unless_told_otherwise()
    {
        CheckpointInfo saved = await SaveAsync(suspend: false);
        await RefusedAsync(saved, "went on");
        Assert.Equal(2UL, (await CheckpointOwnership.ClaimAsync(_store, saved, takeOver: true)).Epoch);
        Assert.Equal(3UL, (await CheckpointOwnership.ClaimAsync(_store, saved, takeOver: true)).Epoch);
    }

    [Fact]
    public async Task Two_restores_at_once_give_one_guest()
    {
        CheckpointInfo saved = await SaveAsync(suspend: true);
        int[] ran = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(async () =>
        {
            try
            {
                await CheckpointOwnership.ClaimAsync(_store, saved);
                return 1;
            }
            catch (MigrationException e) when (e.Kind == MigrationErrorKind.OwnershipFailed)
            {
                return 0;
            }
        })));
        Assert.Equal(1, ran.Sum());
    }

    [Fact]
    public async Task A_store_that_does_not_know_the_guest_is_the_wrong_one()
    {
        CheckpointInfo saved = await SaveAsync(suspend: true);
        MigrationException e = await Assert.ThrowsAsync<MigrationException>(() => CheckpointOwnership.ClaimAsync(new MemoryOwnershipStore(), saved).AsTask());
        Assert.Contains("does not know it", e.Message, StringComparison.Ordinal);
        e = await Assert.ThrowsAsync<MigrationException>(() => CheckpointOwnership.ClaimAsync(_store, saved with { Epoch = 9 }, takeOver: true).AsTask());
        Assert.Contains("another store", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_store_the_epoch_is_that_of_the_checkpoint() =>
        Assert.Equal(1UL, (await CheckpointOwnership.ClaimAsync(null, await SaveAsync(suspend: false))).Epoch);

    private async Task RefusedAsync(CheckpointInfo saved, string why)
    {
        MigrationException e = await Assert.ThrowsAsync<MigrationException>(() => CheckpointOwnership.ClaimAsync(_store, saved).AsTask());
        Assert.Equal(MigrationErrorKind.OwnershipFailed, e.Kind);
        Assert.Contains(why, e.Message, StringComparison.Ordinal);
    }

    private async Task<CheckpointInfo> SaveAsync(bool suspend)
    {
        GuestOwnership owner = await GuestOwnership.ClaimAsync(_store, Guests.Id);
        using GuestMemory memory = StoredGuest.Allocate(Guests.Layout(4));
        byte[] bytes = await Guests.SaveAsync(
            Guests.Of(memory, Guests.State(1)), new CheckpointOptions { Epoch = owner.Epoch, Run = owner.Run, Suspend = suspend });
        return RoundTripTests.ReadInfo(bytes);
    }
}
