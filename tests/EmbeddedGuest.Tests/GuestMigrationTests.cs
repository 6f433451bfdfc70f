using FsCheck;
using FsCheck.Xunit;
using PageEngine.Bitmaps;
using PageEngine.Devices;
using PageEngine.EmbeddedGuest.State;
using PageEngine.Memory;
using PageEngine.Tracing;
using Xunit;

namespace PageEngine.EmbeddedGuest.Tests;

public class GuestMigrationTests
{
    private static readonly string[] _workloads =
    [
        "uniform@max", "hot:64KiB@max", "zipf:0.99@max", "seq@max", "idle", "hot:128KiB@30MiB/s seq@7MiB/s zipf:2@1MiB/s", "uniform@max idle",
    ];

    [Property(MaxTest = 25)]
    public void A_loaded_guest_continues_with_the_next_operation(ulong seed, byte cpus, byte workload, byte fill, ushort first, ushort second)
    {
        string spec = _workloads[workload % _workloads.Length];
        int count = 1 + (cpus % 5);
        using VerifiableGuest source = GuestFixture.Guest(spec, count, seed, fill % 101, mebibytes: 1);
        using VerifiableGuest unmoved = GuestFixture.Guest(spec, count, seed, fill % 101, mebibytes: 1);
        long[] before = [.. Enumerable.Range(0, count).Select(i => first * 59L / (i + 1))];
        long[] after = [.. Enumerable.Range(0, count).Select(i => second * 83L / (count - i))];
        source.StepAll(before);
        unmoved.StepAll([.. before.Zip(after, (a, b) => a + b)]);

        using VerifiableGuest destination = source.Shadow();
        source.CopyMemoryTo(destination);
        destination.Load(source.Save());
        Assert.Null(destination.Verify().FirstFinding);
        destination.StepAll(after);
        Assert.Null(destination.Verify().FirstFinding);
        Assert.Equal(before.Sum() + after.Sum(), destination.Operations);
        for (long page = 0; page < unmoved.Memory.PageCount; page++)
        {
            Assert.True(unmoved.Memory.Page(page).SequenceEqual(destination.Memory.Page(page)), $"page {page}");
        }
    }

    [Theory]
    [InlineData("uniform@max")]
    [InlineData("hot:512KiB@max")]
    [InlineData("zipf:1@100MiB/s")]
    public void A_running_guest_that_is_copied_in_rounds_arrives_whole(string workload)
    {
        using VerifiableGuest source = GuestFixture.Guest(workload);
        using VerifiableGuest destination = source.Shadow();
        using ExplicitWriteTracer tracer = new(source.Memory);
        using DirtyBitmap pending = new(source.Memory.PageCount);
        source.AttachTracer(tracer);
        source.Resume(1);
        tracer.Start();
        pending.SetAll();
        for (int round = 0; round < 6; round++)
        {
            long written = source.Operations + 50;
            CopyPending(source.Memory, destination.Memory, pending);
            SpinWait.SpinUntil(() => source.Operations >= written);
            tracer.Collect(pending);
        }

        source.Pause();
        DeviceState state = source.Save();
        tracer.Collect(pending);
        CopyPending(source.Memory, destination.Memory, pending);
        destination.Load(state);
        Assert.Equal(source.Operations, destination.Operations);
        destination.Resume(2);
        source.PowerOff();
        destination.RunFor(100);
        Assert.Null(destination.Verify().FirstFinding);
        Assert.Equal(2UL, destination.Epoch);
        Assert.NotNull(destination.SwitchoverStall);
        Assert.False(destination.SwitchoverStallIsByWallClock);
        tracer.Stop();
    }

    [Fact]
    public void The_switchover_stall_is_from_the_last_operation_to_the_first()
    {
        using VerifiableGuest source = GuestFixture.Guest("hot:64KiB@max");
        using VerifiableGuest destination = source.Shadow();
        long beforeRun = TimeProvider.System.GetTimestamp();
        source.RunFor(1000);
        long paused = TimeProvider.System.GetTimestamp();
        source.CopyMemoryTo(destination);
        destination.Load(source.Save());
        Assert.Null(destination.SwitchoverStall);
        Thread.Sleep(40);
        long resuming = TimeProvider.System.GetTimestamp();
        destination.RunFor(1000);
        long end = TimeProvider.System.GetTimestamp();

        TimeSpan stall = destination.SwitchoverStall!.Value;
        Assert.InRange(stall, TimeProvider.System.GetElapsedTime(paused, resuming), TimeProvider.System.GetElapsedTime(beforeRun, end));
        Assert.All(destination.GetVirtualCpuStatistics(), c => Assert.True(c.SwitchoverStall is null || c.SwitchoverStall >= stall));

        // The switchover is no part of the longest stall, but what the source saw is.
        Assert.True(destination.LongestStall >= source.LongestStall);
    }

    [Fact]
    public void Moved_again_before_it_ran_the_state_is_the_one_that_came_and_the_stall_counts_from_the_first_host()
    {
        using VerifiableGuest first = GuestFixture.Guest("hot:64KiB@max");
        using VerifiableGuest second = first.Shadow();
        using VerifiableGuest third = first.Shadow();
        first.RunFor(1000);
        long paused = TimeProvider.System.GetTimestamp();
        first.CopyMemoryTo(second);
        first.CopyMemoryTo(third);
        DeviceState came = first.Save();
        second.Load(came);
        Thread.Sleep(20);
        DeviceState left = second.Save();
        Assert.Equal(came.Sections.Select(s => (s.Kind, s.Instance, s.Version)), left.Sections.Select(s => (s.Kind, s.Instance, s.Version)));
        Assert.All(came.Sections.Zip(left.Sections), pair => Assert.Equal(pair.First.Payload.ToArray(), pair.Second.Payload.ToArray()));

        third.Load(left);
        long resuming = TimeProvider.System.GetTimestamp();
        third.RunFor(1000);
        Assert.True(third.SwitchoverStall >= TimeProvider.System.GetElapsedTime(paused, resuming));
        Assert.Null(third.Verify().FirstFinding);
    }

    [Fact]
    public void A_virtual_cpu_that_did_not_run_on_the_way_keeps_its_last_operation_if_the_clock_is_the_same()
    {
        using VerifiableGuest first = GuestFixture.Guest("hot:64KiB@80KiB/s");
        using VerifiableGuest second = first.Shadow();
        first.RunFor(4);
        first.CopyMemoryTo(second);
        DeviceState came = first.Save();
        second.Load(came);
        GuestState before = Decoded(first, came);
        second.RunFor(1);
        GuestState after = Decoded(second, second.Save());

        // The second one's first operation is due only after a while; should it have run, it has a time of its own.
        Assert.True(after.SavedAt > before.SavedAt);
        Assert.All(after.VirtualCpus.Zip(before.VirtualCpus), pair => Assert.True(
            pair.First.Operations > pair.Second.Operations
                ? pair.First.LastOperationAt > before.SavedAt
                : pair.First.LastOperationAt == pair.Second.LastOperationAt));
        Assert.Contains(after.VirtualCpus, cpu => cpu.LastOperationAt > before.SavedAt);
    }

    [Fact]
    public void A_guest_can_be_moved_twice()
    {
        using VerifiableGuest first = GuestFixture.Guest("uniform@max");
        first.RunFor(2000);
        using VerifiableGuest second = Moved(first);
        second.RunFor(2000);
        using VerifiableGuest third = Moved(second);
        third.RunFor(2000);
        Assert.Null(third.Verify().FirstFinding);
        Assert.True(third.Operations >= 6000);
    }

    [Fact]
    public void A_damaged_state_leaves_the_guest_as_it_was()
    {
        using VerifiableGuest guest = GuestFixture.Guest();
        guest.StepAll(100, 50);
        DeviceState damaged = guest.Change(guest.Save(), 1, c => c with { Operations = -5 });
        Assert.Equal(MigrationErrorKind.DataDamaged, Assert.Throws<MigrationException>(() => guest.Load(damaged)).Kind);
        Assert.Equal(150, guest.Operations);
        Assert.Null(guest.Verify().FirstFinding);
    }

    [Fact]
    public void The_state_of_another_guest_is_refused()
    {
        using VerifiableGuest guest = GuestFixture.Guest(seed: 1);
        using VerifiableGuest other = GuestFixture.Guest(seed: 2);
        Assert.Equal(MigrationErrorKind.DataDamaged, Assert.Throws<MigrationException>(() => guest.Load(other.Save())).Kind);
    }

    private static VerifiableGuest Moved(VerifiableGuest source)
    {
        VerifiableGuest destination = source.Shadow();
        source.CopyMemoryTo(destination);
        destination.Load(source.Save());
        return destination;
    }

    private static void CopyPending(GuestMemory from, GuestMemory to, DirtyBitmap pending)
    {
        for (long page = 0; page < from.PageCount; page++)
        {
            if (pending.IsSet(page))
            {
                from.Page(page).CopyTo(to.Page(page));
            }
        }

        pending.Clear();
    }

    private static GuestState Decoded(VerifiableGuest guest, DeviceState state) =>
        GuestStateCodec.Load(state, guest.Describe().Configuration.Span, guest.Options.VirtualCpus);
}
