using PageEngine.Bitmaps;
using PageEngine.Checkpoints.Writing;
using PageEngine.Devices;
using PageEngine.Guests;
using PageEngine.Memory;
using PageEngine.Tracing;
using Xunit;

namespace PageEngine.Checkpoints.Tests;

// Owns: what changed since a checkpoint, found by its bytes: against a comparison of the memories themselves, and an increment made of it.
public class ChangedPagesTests
{
    private static readonly CheckpointCompression[] _compressions = [CheckpointCompression.None, CheckpointCompression.Lz4, CheckpointCompression.Zstd];

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 16)]
    public async Task Pages_that_differ_from_a_chain_are_marked_and_no_others(int seed, int workers)
    {
        using var scratch = new Scratch();
        var random = new Random(seed);
        MemoryLayout layout = Guests.Layout(900, 1, 333);
        using GuestMemory memory = StoredGuest.Allocate(layout);
        Guests.Fill(memory, random);
        CheckpointInfo info = (await CheckpointSaver.SaveAsync(
            Guests.Of(memory, Guests.State(0)), CheckpointTarget.File(scratch.File("0")), Guests.Options() with { ChunkPages = 64 })).Checkpoint;
        for (int i = 1; i < 6; i++)
        {
            using GuestMemory before = Copy(memory);
            for (int n = random.Next(120); n > 0; n--)
            {
                Guests.FillPage(memory, random.NextInt64(memory.PageCount), random.Next(6), random);
            }

            using CheckpointChain chain = CheckpointChain.Open(scratch.File($"{i - 1}"));
            using var changed = new DirtyBitmap(memory.PageCount);
            chain.MarkChanged(memory, changed, workers: workers);
            for (long page = 0; page < memory.PageCount; page++)
            {
                Assert.Equal(!memory.Page(page).SequenceEqual(before.Page(page)), changed.IsSet(page));
            }

            info = (await CheckpointSaver.SaveAsync(
                Guests.Of(memory, Guests.State(i)),
                CheckpointTarget.File(scratch.File($"{i}")),
                Guests.Options(_compressions[i % 3]) with { Parent = info, Changed = changed, ChunkPages = 32 })).Checkpoint;
            using CheckpointChain next = CheckpointChain.Open(scratch.File($"{i}"));
            using GuestMemory restored = StoredGuest.Allocate(layout);
            next.RestoreMemory(restored);
            Assert.Equal(-1, Guests.Differing(memory, restored));
        }
    }

    [Fact]
    public async Task Memory_that_was_given_back_is_zero_and_gets_no_memory_by_being_looked_at()
    {
        using var scratch = new Scratch();
        const long Pages = 512;
        using GuestMemory memory = new([GuestMemoryRegion.MemoryFile(new GuestAddress(0), Pages * MemoryLayout.PageBytes, "full")]);
        new Random(1).NextBytes(memory.Page(3));
        await CheckpointSaver.SaveAsync(Guests.Of(memory, Guests.State(1)), CheckpointTarget.File(scratch.File("a")), Guests.Options());
        using GuestMemory empty = new([GuestMemoryRegion.MemoryFile(new GuestAddress(0), Pages * MemoryLayout.PageBytes, "empty")]);
        using CheckpointChain chain = CheckpointChain.Open(scratch.File("a"));
        using var changed = new DirtyBitmap(Pages);
        chain.MarkChanged(empty, changed);
        Assert.Equal((1L, true), (changed.Count(), changed.IsSet(3)));
        using var present = new DirtyBitmap(Pages);
        MemoryResidency.MarkPresent(empty, present);
        Assert.Equal(0, present.Count());
    }

    [Fact]
    public async Task What_is_written_behind_the_comparison_is_in_the_increment()
    {
        using var scratch = new Scratch();
        using GuestMemory memory = GuestMemory.Allocate(256 * MemoryLayout.PageBytes);
        var random = new Random(7);
        for (long page = 0; page < 200; page++)
        {
            random.NextBytes(memory.Page(page));
        }

        var guest = new WritesWhileSaved(memory);
        await CheckpointSaver.SaveAsync(guest, CheckpointTarget.File(scratch.File("a")), Guests.Options());
        memory.Page(5).Clear();
        using var tracer = new ExplicitWriteTracer(memory);
        using CheckpointChain parent = CheckpointChain.Open(scratch.File("a"));
        using var changed = new DirtyBitmap(memory.PageCount);
        tracer.Start();
        parent.MarkChanged(memory, changed, tracer);
        Assert.Equal(1, changed.Count());

        // After the comparison, and while it stands still for its state.
        memory.Page(100)[1]++;
        tracer.MarkDirty(100);
        guest.Saving = () =>
        {
            memory.Page(201)[9] = 9;
            tracer.MarkDirty(201);
        };
        CheckpointReport report = await CheckpointSaver.SaveRunningAsync(
            guest, tracer, CheckpointTarget.File(scratch.File("b")), Guests.Options() with { Parent = parent.Checkpoint, Changed = changed, KeepTracing = true });
        Assert.Equal((2L, 1L), (report.Checkpoint.DataPages, report.Checkpoint.ZeroPages));
        using CheckpointChain chain = CheckpointChain.Open(scratch.File("b"));
        using GuestMemory restored = GuestMemory.Allocate(memory.Layout.Bytes);
        chain.RestoreMemory(restored);
        Assert.Equal(-1, Guests.Differing(memory, restored));
    }

    [Fact]
    public async Task A_damaged_parent_is_found_by_comparing_with_it()
    {
        using var scratch = new Scratch();
        StoredGuest guest = Guests.Create(Guests.Layout(300), 5);
        using GuestMemory memory = guest.Memory;
        CheckpointReport report = await CheckpointSaver.SaveAsync(guest, CheckpointTarget.File(scratch.File("a")), Guests.Options());
        byte[] bytes = await File.ReadAllBytesAsync(scratch.File("a"));
        bytes[bytes.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(scratch.File("a"), bytes);
        Assert.True(report.Checkpoint.DataPages > 10);
        using CheckpointChain chain = CheckpointChain.Open(scratch.File("a"));
        using var changed = new DirtyBitmap(memory.PageCount);
        Assert.Equal(MigrationErrorKind.DataDamaged, Assert.Throws<MigrationException>(() => chain.MarkChanged(memory, changed)).Kind);
    }

    private static GuestMemory Copy(GuestMemory memory)
    {
        GuestMemory copy = StoredGuest.Allocate(memory.Layout);
        for (long page = 0; page < memory.PageCount; page++)
        {
            memory.Page(page).CopyTo(copy.Page(page));
        }

        return copy;
    }

    /// <summary>A guest of memory alone, which is written while its state is saved.</summary>
    private sealed class WritesWhileSaved(GuestMemory memory) : IGuest
    {
        public Action? Saving { get; set; }

        public Guid Id => Guests.Id;

        public GuestMemory Memory => memory;

        public GuestDescription Describe() => new("stored", ReadOnlyMemory<byte>.Empty);

        public ValueTask PauseAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

        public ValueTask ResumeAsync(ulong epoch, CancellationToken cancellationToken) => ValueTask.CompletedTask;

        public ValueTask SaveStateAsync(DeviceStateWriter writer, CancellationToken cancellationToken)
        {
            Saving?.Invoke();
            return ValueTask.CompletedTask;
        }

        public ValueTask LoadStateAsync(DeviceState state, CancellationToken cancellationToken) => ValueTask.CompletedTask;

        public ValueTask PowerOffAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;
    }
}
