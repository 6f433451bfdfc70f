using PageEngine.Bitmaps;
using PageEngine.Checkpoints.Writing;
using PageEngine.Devices;
using PageEngine.EmbeddedGuest;
using PageEngine.Guests;
using PageEngine.Memory;
using PageEngine.Planning;
using PageEngine.Tracing;
using Xunit;

namespace PageEngine.Checkpoints.Tests;

// Owns: checkpoints of guests that run: what is saved is one moment, proven by a replay of the whole run.
public class RunningGuestTests
{
    [Theory]
    [InlineData(WriteTracerKind.Explicit, CheckpointCompression.None, "uniform@max", 100)]
    [InlineData(WriteTracerKind.Explicit, CheckpointCompression.Lz4, "zipf:1.1@max", 40)]
    [InlineData(WriteTracerKind.Auto, CheckpointCompression.None, "seq@50MiB/s", 100)]
    [InlineData(WriteTracerKind.Auto, CheckpointCompression.Zstd, "hot:4MiB@30MiB/s", 0)]
    public async Task A_running_guest_is_saved_at_one_moment_and_goes_on(WriteTracerKind tracing, CheckpointCompression compression, string workload, int fill)
    {
        using var scratch = new Scratch();
        using VerifiableGuest guest = Create(workload, fill);
        using IWriteTracer tracer = WriteTracers.Create(tracing, guest.Memory, guestMarksWrites: true).Tracer;
        guest.AttachTracer(tracer);
        await guest.ResumeAsync(3, default);
        await Task.Delay(50);
        string path = scratch.File("a");
        CheckpointReport report = await CheckpointSaver.SaveRunningAsync(
            guest, tracer, CheckpointTarget.File(path), new CheckpointOptions { Compression = compression, Epoch = 3, Policy = new FewRounds(4) });

        long before = guest.Operations;
        Assert.True(SpinWait.SpinUntil(() => guest.Operations > before, TimeSpan.FromSeconds(20)), "It does not go on.");
        await guest.PauseAsync(default);
        Assert.True(guest.Verify().IsConsistent, guest.Verify().FirstFinding);
        Assert.Equal((3UL, false), (report.Checkpoint.Epoch, report.Checkpoint.IsSuspended));
        Assert.InRange(report.Rounds.Count, 2, 5);
        Assert.NotNull(report.Pause);

        using VerifiableGuest restored = await RestoreAsync(path);
        Assert.True(restored.Verify().IsConsistent, restored.Verify().FirstFinding);
        Assert.InRange(restored.Operations, 1, guest.Operations);
        await restored.ResumeAsync(4, default);
        before = restored.Operations;
        Assert.True(SpinWait.SpinUntil(() => restored.Operations > before, TimeSpan.FromSeconds(20)), "The restored guest does not run.");
        await restored.PauseAsync(default);
        Assert.True(restored.Verify().IsConsistent, restored.Verify().FirstFinding);
    }

    [Fact]
    public async Task A_suspended_guest_stays_where_it_was_and_saves_to_the_same_bytes_again()
    {
        using var scratch = new Scratch();
        using VerifiableGuest guest = Create("uniform@max", 50);
        using var tracer = new ExplicitWriteTracer(guest.Memory);
        guest.AttachTracer(tracer);
        await guest.ResumeAsync(1, default);
        await Task.Delay(30);
        CheckpointOptions options = new() { Epoch = 1, Suspend = true, CreatedAt = Guests.Time, Policy = new FewRounds(2) };
        await CheckpointSaver.SaveRunningAsync(guest, tracer, CheckpointTarget.File(scratch.File("running")), options);
        long operations = guest.Operations;
        await Task.Delay(30);
        Assert.Equal(operations, guest.Operations);

        // Saved once more, now in one pass: the same memory as restored from the rounds.
        using VerifiableGuest restored = await RestoreAsync(scratch.File("running"));
        Assert.Equal(-1, Guests.Differing(guest.Memory, restored.Memory));
        await CheckpointSaver.SaveAsync(restored, CheckpointTarget.File(scratch.File("restored")), options);
        using VerifiableGuest again = await RestoreAsync(scratch.File("restored"));
        await CheckpointSaver.SaveAsync(again, CheckpointTarget.File(scratch.File("again")), options);
        Assert.Equal(await File.ReadAllBytesAsync(scratch.File("restored")), await File.ReadAllBytesAsync(scratch.File("again")));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task A_page_that_equals_one_that_changes_is_saved_anew(int rounds)
    {
        // Equal pages; the one that has the bytes is changed after a round, by a tracer that says so. With two rounds the
        // last change comes while the guest is paused.
        using var scratch = new Scratch();
        using GuestMemory memory = StoredGuest.Allocate(Guests.Layout(10));
        memory.Page(2).Fill(5);
        memory.Page(6).Fill(5);
        memory.Page(7).Fill(5);
        memory.Page(8).Fill(8);
        memory.Page(9).Fill(8);
        using var tracer = new ScriptedTracer(memory.PageCount, [
            () => (2, () => memory.Page(2).Fill(9)),
            () => (6, () => memory.Page(6).Clear()),
            () => (8, () => memory.Page(8).Fill(1)),
        ]);
        string path = scratch.File("a");
        CheckpointReport report = await CheckpointSaver.SaveRunningAsync(
            new Pausable(memory), tracer, CheckpointTarget.File(path), new CheckpointOptions { ChunkPages = 1, Policy = new FewRounds(rounds) });
        using CheckpointChain chain = CheckpointChain.Open(path);
        chain.Verify();
        using GuestMemory restored = StoredGuest.Allocate(memory.Layout);
        chain.RestoreMemory(restored);
        Assert.Equal(-1, Guests.Differing(memory, restored));
        Assert.True(report.ReplacedPages > 0);

        using var folded = new MemoryStream();
        await chain.FlattenAsync(CheckpointTarget.Stream(folded));
        Assert.Equal(rounds == 1 ? 3 : 4, RoundTripTests.ReadInfo(folded.ToArray()).DataPages);
    }

    [Fact]
    public async Task A_guest_that_writes_faster_than_the_storage_is_left_as_it_was()
    {
        using var scratch = new Scratch();
        using VerifiableGuest guest = Create("uniform@max", 50);
        using var tracer = new ExplicitWriteTracer(guest.Memory);
        guest.AttachTracer(tracer);
        await guest.ResumeAsync(1, default);
        await File.WriteAllTextAsync(scratch.File("a"), "what was there");
        MigrationException e = await Assert.ThrowsAsync<MigrationException>(() => CheckpointSaver.SaveRunningAsync(
            guest, tracer, CheckpointTarget.File(scratch.File("a")), new CheckpointOptions { Epoch = 1, Policy = new GivesUp() }));
        Assert.Equal(MigrationErrorKind.NotConverging, e.Kind);
        Assert.Equal("what was there", await File.ReadAllTextAsync(scratch.File("a")));
        Assert.Single(Directory.GetFiles(scratch.Path));
        long before = guest.Operations;
        Assert.True(SpinWait.SpinUntil(() => guest.Operations > before, TimeSpan.FromSeconds(20)));
        await guest.PauseAsync(default);
        Assert.True(guest.Verify().IsConsistent);
    }

    [Fact]
    public async Task Increments_hold_what_changed_and_fold_into_the_whole()
    {
        using var scratch = new Scratch();
        using VerifiableGuest guest = Create("uniform@20MiB/s", 100);
        using var tracer = new ExplicitWriteTracer(guest.Memory);
        guest.AttachTracer(tracer);
        tracer.Start();
        CheckpointOptions options = new() { Epoch = 1, KeepTracing = true, Policy = new FewRounds(2) };
        await guest.ResumeAsync(1, default);
        CheckpointInfo parent = (await CheckpointSaver.SaveRunningAsync(guest, tracer, CheckpointTarget.File(scratch.File("0")), options)).Checkpoint;
        using var changed = new DirtyBitmap(guest.Memory.PageCount);
        for (int i = 1; i <= 4; i++)
        {
            await Task.Delay(20);
            changed.Clear();
            tracer.Collect(changed);
            CheckpointInfo child = (await CheckpointSaver.SaveRunningAsync(
                guest, tracer, CheckpointTarget.File(scratch.File($"{i}")), options with { Parent = parent, Changed = changed, Compression = (CheckpointCompression)(i % 3) })).Checkpoint;
            Assert.True(child.DataPages < parent.Layout.PageCount / 2, $"{child.DataPages} of {parent.Layout.PageCount} pages");
            Assert.Equal(parent.Digest, child.ParentDigest);
            parent = child;
        }

        await guest.PauseAsync(default);
        tracer.Stop();
        using CheckpointChain chain = CheckpointChain.Open(scratch.File("4"));
        Assert.Equal(["4", "3", "2", "1", "0"], chain.All.Select(c => c.FileName));
        chain.Verify();
        using VerifiableGuest restored = await RestoreAsync(scratch.File("4"));
        Assert.True(restored.Verify().IsConsistent, restored.Verify().FirstFinding);

        await chain.FlattenAsync(CheckpointTarget.File(scratch.File("flat")));
        using CheckpointChain flat = CheckpointChain.Open(scratch.File("flat"));
        flat.Verify();
        Assert.Null(flat.Checkpoint.ParentDigest);
        Assert.True(chain.CompareWith(flat).IsSame);
        Assert.True(flat.CompareWith(chain).IsSame);
        using CheckpointChain middle = CheckpointChain.Open(scratch.File("2"));
        Assert.False(chain.CompareWith(middle).IsSame);
    }

    private static VerifiableGuest Create(string workload, int fill)
    {
        var guest = new VerifiableGuest(
            Guid.NewGuid(), GuestMemory.Allocate(16 << 20), new VerifiableGuestOptions { Workloads = [WorkloadSpec.Parse(workload)], FillPercent = fill, Seed = 11 });
        guest.FillMemory();
        return guest;
    }

    private static async Task<VerifiableGuest> RestoreAsync(string path)
    {
        using CheckpointChain chain = CheckpointChain.Open(path);
        return await chain.RestoreAsync(c => VerifiableGuest.FromDescription(c.GuestId, c.Description, c.Layout));
    }

    /// <summary>A number of rounds, whatever happens.</summary>
    private sealed class FewRounds(int rounds) : IMigrationPolicy
    {
        public MigrationDecision Decide(PlanningState state) =>
            new(state.Rounds.Count < rounds ? DecisionKind.NextRound : DecisionKind.SwitchOver, "by number");
    }

    private sealed class GivesUp : IMigrationPolicy
    {
        public MigrationDecision Decide(PlanningState state) => new(DecisionKind.GiveUp, "It will never end.");
    }

    /// <summary>A guest of memory alone, which can be paused and resumed.</summary>
    private sealed class Pausable(GuestMemory memory) : IGuest
    {
        public Guid Id => Guests.Id;

        public GuestMemory Memory => memory;

        public GuestDescription Describe() => new("stored", ReadOnlyMemory<byte>.Empty);

        public ValueTask PauseAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

        public ValueTask ResumeAsync(ulong epoch, CancellationToken cancellationToken) => ValueTask.CompletedTask;

        public ValueTask SaveStateAsync(DeviceStateWriter writer, CancellationToken cancellationToken) => ValueTask.CompletedTask;

        public ValueTask LoadStateAsync(DeviceState state, CancellationToken cancellationToken) => ValueTask.CompletedTask;

        public ValueTask PowerOffAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;
    }

    /// <summary>Writes one page before each collect, and reports it.</summary>
    private sealed class ScriptedTracer(long pageCount, Func<(long Page, Action Write)>[] script) : IWriteTracer
    {
        private int _next;

        public string Name => "scripted";

        public WriteTracerCounters Counters => default;

        public void Start() => Assert.Equal(10, pageCount);

        public long Collect(DirtyBitmap dirty)
        {
            if (_next == script.Length)
            {
                return 0;
            }

            (long page, Action write) = script[_next++]();
            write();
            dirty.Set(page);
            return 1;
        }

        public void AddPagesCopied(long pages)
        {
        }

        public void Stop()
        {
        }

        public void Dispose()
        {
        }
    }
}
