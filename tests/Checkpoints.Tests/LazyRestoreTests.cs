using PageEngine.Bitmaps;
using PageEngine.Checkpoints.Reading;
using PageEngine.Checkpoints.Writing;
using PageEngine.EmbeddedGuest;
using PageEngine.Memory;
using Xunit;

namespace PageEngine.Checkpoints.Tests;

// Owns: memory that comes as it is touched is the memory that was saved, and damage behind the guest is found.
public class LazyRestoreTests
{
    [Theory]
    [InlineData(CheckpointCompression.None)]
    [InlineData(CheckpointCompression.Lz4)]
    public async Task Memory_is_right_before_and_after_it_was_filled(CheckpointCompression compression)
    {
        using var scratch = new Scratch();
        using GuestMemory memory = Memory(1);
        await CheckpointSaver.SaveAsync(Guests.Of(memory, Guests.State(1)), CheckpointTarget.File(scratch.File("a")), Guests.Options(compression) with { ChunkPages = 100 });
        using CheckpointChain chain = CheckpointChain.Open(scratch.File("a"));
        using GuestMemory restored = StoredGuest.Allocate(memory.Layout);
        using CheckpointLazyRestore lazy = chain.BeginRestore(restored);
        Assert.Equal(-1, Guests.Differing(memory, restored));
        Assert.True(lazy.MappedPages > 0 || compression != CheckpointCompression.None);
        Guests.AssertSame(Guests.State(1), lazy.State);

        // Written before it is filled: the write stays, and the file is as it was.
        byte[] file = await File.ReadAllBytesAsync(scratch.File("a"));
        restored.Page(150).Fill(0xAB);
        memory.Page(150).Fill(0xAB);
        await lazy.Completion.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(-1, Guests.Differing(memory, restored));
        Assert.Equal(file, await File.ReadAllBytesAsync(scratch.File("a")));
    }

    [Fact]
    public async Task A_chain_is_mapped_from_all_its_files()
    {
        using var scratch = new Scratch();
        using GuestMemory memory = Memory(2);
        CheckpointInfo parent = (await CheckpointSaver.SaveAsync(Guests.Of(memory, Guests.State(1)), CheckpointTarget.File(scratch.File("0")), Guests.Options())).Checkpoint;
        var random = new Random(5);
        for (int i = 1; i <= 5; i++)
        {
            using var changed = new DirtyBitmap(memory.PageCount);
            for (int run = 0; run < 6; run++)
            {
                long at = random.Next(0, 600);
                int kind = random.Next(1, 6);
                for (long page = at; page < at + random.Next(1, 60); page++)
                {
                    Guests.FillPage(memory, page, kind, random);
                    changed.Set(page);
                }
            }

            parent = (await CheckpointSaver.SaveAsync(
                Guests.Of(memory, Guests.State(i)), CheckpointTarget.File(scratch.File($"{i}")), Guests.Options() with { Parent = parent, Changed = changed })).Checkpoint;
        }

        using CheckpointChain chain = CheckpointChain.Open(scratch.File("5"));
        using GuestMemory restored = StoredGuest.Allocate(memory.Layout);
        using CheckpointLazyRestore lazy = chain.BeginRestore(restored);
        Assert.Equal(-1, Guests.Differing(memory, restored));
        Assert.True(lazy.MappedPages > 50);
        await lazy.Completion.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(-1, Guests.Differing(memory, restored));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(100_000)]
    public async Task What_exceeds_the_mappings_that_a_process_has_is_read_at_once(int mappings)
    {
        using var scratch = new Scratch();
        using GuestMemory memory = Memory(3);
        await CheckpointSaver.SaveAsync(Guests.Of(memory, Guests.State(1)), CheckpointTarget.File(scratch.File("a")), Guests.Options() with { ChunkPages = 20 });
        using OpenCheckpoint file = OpenCheckpoint.Open(scratch.File("a"));
        using GuestMemory restored = StoredGuest.Allocate(memory.Layout);
        var lazy = new LazyMemory([file], restored, mappings);
        lazy.Begin();
        Assert.Equal(-1, Guests.Differing(memory, restored));
        Assert.Equal(mappings > 0, lazy.MappedPages > 0);
        Assert.True(mappings > 3 || lazy.MappedPages <= 20 * mappings);
        lazy.Fill(default);
        Assert.Equal(-1, Guests.Differing(memory, restored));
    }

    [Fact]
    public async Task Damage_is_found_behind_the_guest()
    {
        using var scratch = new Scratch();
        using GuestMemory memory = StoredGuest.Allocate(Guests.Layout(500));
        for (long page = 100; page < 500; page++)
        {
            new Random((int)page).NextBytes(memory.Page(page));
        }

        await CheckpointSaver.SaveAsync(Guests.Of(memory, Guests.State(1)), CheckpointTarget.File(scratch.File("a")), Guests.Options());
        byte[] bytes = await File.ReadAllBytesAsync(scratch.File("a"));
        int at = bytes.AsSpan().IndexOf(memory.Page(300));
        bytes[at + 5] ^= 1;
        await File.WriteAllBytesAsync(scratch.File("a"), bytes);
        using CheckpointChain chain = CheckpointChain.Open(scratch.File("a"));
        using GuestMemory restored = StoredGuest.Allocate(memory.Layout);
        using CheckpointLazyRestore lazy = chain.BeginRestore(restored);
        MigrationException e = await Assert.ThrowsAsync<MigrationException>(() => lazy.Completion.WaitAsync(TimeSpan.FromMinutes(1)));
        Assert.Equal(MigrationErrorKind.DataDamaged, e.Kind);
    }

    [Fact]
    public async Task A_guest_runs_through_collections_while_its_memory_comes()
    {
        using var scratch = new Scratch();
        VerifiableGuestOptions options = new() { Workloads = [WorkloadSpec.Parse("uniform@max")], Seed = 4 };
        using var guest = new VerifiableGuest(Guid.NewGuid(), GuestMemory.Allocate(64 << 20), options);
        guest.FillMemory();
        await guest.ResumeAsync(1, default);
        await Task.Delay(30);
        await guest.PauseAsync(default);
        await CheckpointSaver.SaveAsync(guest, CheckpointTarget.File(scratch.File("a")), new CheckpointOptions { Epoch = 1 });
        using CheckpointChain chain = CheckpointChain.Open(scratch.File("a"));
        using VerifiableGuest restored = VerifiableGuest.FromDescription(chain.Checkpoint.GuestId, chain.Checkpoint.Description, chain.Checkpoint.Layout);
        using CheckpointLazyRestore lazy = chain.BeginRestore(restored.Memory);
        await restored.LoadStateAsync(lazy.State, default);
        await restored.ResumeAsync(2, default);
        for (int i = 0; i < 50; i++)
        {
            GC.Collect();
        }

        await lazy.Completion.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.True(restored.Operations > guest.Operations);
        await restored.PauseAsync(default);
        Assert.True(restored.Verify().IsConsistent, restored.Verify().FirstFinding);
    }

    [Fact]
    public async Task A_lazy_restore_can_be_ended_before_it_is_done()
    {
        using var scratch = new Scratch();
        using GuestMemory memory = Memory(6);
        await CheckpointSaver.SaveAsync(Guests.Of(memory, Guests.State(1)), CheckpointTarget.File(scratch.File("a")), Guests.Options());
        using CheckpointChain chain = CheckpointChain.Open(scratch.File("a"));
        for (int i = 0; i < 20; i++)
        {
            using GuestMemory restored = StoredGuest.Allocate(memory.Layout);
            using CheckpointLazyRestore lazy = chain.BeginRestore(restored);
        }
    }

    private static GuestMemory Memory(int seed)
    {
        GuestMemory memory = StoredGuest.Allocate(Guests.Layout(500, 300));
        var random = new Random(seed);
        Guests.Fill(memory, random);
        for (long page = 100; page < 400; page++)
        {
            random.NextBytes(memory.Page(page));
        }

        return memory;
    }
}
