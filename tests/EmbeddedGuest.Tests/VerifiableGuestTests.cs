using PageEngine.Bitmaps;
using PageEngine.Memory;
using PageEngine.Tracing;
using Xunit;

namespace PageEngine.EmbeddedGuest.Tests;

public class VerifiableGuestTests
{
    [Theory]
    [InlineData("uniform@max", 1)]
    [InlineData("hot:64KiB@max zipf:0.99@max seq@max", 3)]
    [InlineData("hot:1MiB@200MiB/s", 2)]
    [InlineData("idle", 2)]
    public void A_run_is_consistent_at_every_pause(string workloads, int cpus)
    {
        using VerifiableGuest guest = GuestFixture.Guest(workloads, cpus, fill: 50);
        long before = 0;
        for (int i = 0; i < 4; i++)
        {
            guest.RunFor(20);
            GuestVerification verification = guest.Verify();
            Assert.Null(verification.FirstFinding);
            Assert.True(verification.IsConsistent);
            Assert.Equal(guest.Operations, verification.Operations);
            Assert.True(verification.Operations > before);
            before = verification.Operations;
        }
    }

    [Fact]
    public void Memory_depends_on_the_operations_done_and_not_on_how_they_interleaved()
    {
        using VerifiableGuest free = GuestFixture.Guest("zipf:0.8@max hot:64KiB@max", cpus: 3, mebibytes: 2);
        free.RunFor(50_000);
        free.RunFor(1);
        long[] done = [.. free.GetVirtualCpuStatistics().Select(c => c.Operations)];

        using VerifiableGuest stepped = GuestFixture.Guest("zipf:0.8@max hot:64KiB@max", cpus: 3, mebibytes: 2);
        stepped.StepAll(done[0], done[1] / 2, done[2]);
        stepped.Step(1, done[1] - (done[1] / 2));
        for (long page = 0; page < free.Memory.PageCount; page++)
        {
            Assert.True(free.Memory.Page(page).SequenceEqual(stepped.Memory.Page(page)), $"page {page}");
        }
    }

    [Fact]
    public void A_thousand_pauses_are_safe()
    {
        using VerifiableGuest guest = GuestFixture.Guest("hot:256KiB@max", cpus: 2);
        for (int i = 0; i < 1000; i++)
        {
            guest.Resume();
            if (i % 5 == 0)
            {
                Thread.Sleep(0);
            }

            guest.Pause();
            long stopped = guest.Operations;
            guest.Pause();
            Assert.Equal(stopped, guest.Operations);
        }

        guest.RunFor(10_000);
        Assert.Null(guest.Verify().FirstFinding);
    }

    [Fact]
    public void Nothing_is_written_while_paused()
    {
        using VerifiableGuest guest = GuestFixture.Guest("uniform@200MiB/s", cpus: 3, mebibytes: 2);
        for (int i = 0; i < 20; i++)
        {
            guest.RunFor(50);
            ulong before = Hash(guest);
            Thread.Sleep(3);
            Assert.Equal(before, Hash(guest));
        }
    }

    [Fact]
    public void The_loop_allocates_nothing()
    {
        using ExplicitWriteTracerHolder holder = new();
        VerifiableGuest guest = holder.Guest;
        holder.Tracer.Start();
        guest.RunFor(200_000);
        long before = guest.AllocatedBytes;
        guest.RunFor(500_000);
        Assert.Equal(before, guest.AllocatedBytes);
    }

    [Fact]
    public void The_paced_loop_allocates_nothing()
    {
        using VerifiableGuest guest = GuestFixture.Guest("hot:256KiB@100MiB/s");
        guest.RunFor(1000);
        long before = guest.AllocatedBytes;
        guest.RunFor(3000);
        Assert.Equal(before, guest.AllocatedBytes);
    }

    [Fact]
    public void Rates_are_kept_loosely()
    {
        using VerifiableGuest guest = GuestFixture.Guest("uniform@40MiB/s");
        long start = TimeProvider.System.GetTimestamp();
        guest.RunFor(3000);
        TimeSpan elapsed = TimeProvider.System.GetElapsedTime(start);

        // 10,240 a second; a busy machine may make it slower, nothing makes it faster.
        Assert.InRange(guest.Operations, 3000, (elapsed.TotalSeconds * 10_240 * 1.01) + 10);
    }

    [Fact]
    public void An_explicit_tracer_learns_every_written_page()
    {
        using ExplicitWriteTracerHolder holder = new();
        VerifiableGuest guest = holder.Guest;
        holder.Tracer.Start();
        byte[] before = Snapshot(guest);
        guest.RunFor(200);
        using DirtyBitmap dirty = new(guest.Memory.PageCount);
        holder.Tracer.Collect(dirty);
        for (long page = 0; page < guest.Memory.PageCount; page++)
        {
            bool changed = !guest.Memory.Page(page).SequenceEqual(before.AsSpan((int)page * 4096, 4096));
            Assert.True(dirty.IsSet(page) || !changed, $"page {page} was written and not marked");
        }

        Assert.True(dirty.Count() > GuestFixtureSystemPages);

        guest.AttachTracer(null);
        guest.RunFor(200);
        using DirtyBitmap none = new(guest.Memory.PageCount);
        Assert.Equal(0, holder.Tracer.Collect(none));
    }

    [Fact]
    public void A_tracer_can_be_attached_to_a_running_guest()
    {
        using VerifiableGuest guest = GuestFixture.Guest("hot:64KiB@max");
        using ExplicitWriteTracer tracer = new(guest.Memory);
        guest.Resume();
        tracer.Start();
        guest.AttachTracer(tracer);
        long before = guest.Operations;
        while (guest.Operations < before + 100)
        {
            Thread.Sleep(1);
        }

        guest.Pause();
        using DirtyBitmap dirty = new(guest.Memory.PageCount);
        Assert.True(tracer.Collect(dirty) > 0);
        guest.AttachTracer(null);
    }

    [Fact]
    public void Unfilled_pages_stay_holes_and_a_check_does_not_read_them()
    {
        using GuestMemory memory = new([GuestMemoryRegion.MemoryFile(new GuestAddress(0), 8 << 20, "guest-test")]);
        using VerifiableGuest guest = new(Guid.NewGuid(), memory, new VerifiableGuestOptions { FillPercent = 25, Workloads = [WorkloadSpec.Parse("hot:64KiB@max")] });
        guest.FillMemory();
        guest.StepAll(100, 100);
        using DirtyBitmap before = Present(memory);
        Assert.Null(guest.Verify().FirstFinding);
        using DirtyBitmap after = Present(memory);
        Assert.Equal(before.Count(), after.Count());
        Assert.InRange(before.Count(), memory.PageCount / 4, (memory.PageCount / 4) + 64);
    }

    [Fact]
    public void Memory_of_several_regions_works()
    {
        using GuestMemory memory = new(
        [
            GuestMemoryRegion.Anonymous(new GuestAddress(0), 256 << 10),
            GuestMemoryRegion.Anonymous(new GuestAddress(1 << 30), 2 << 20),
            GuestMemoryRegion.Anonymous(new GuestAddress(2L << 30), 1 << 20),
        ]);
        using VerifiableGuest guest = new(Guid.NewGuid(), memory, new VerifiableGuestOptions { Workloads = [WorkloadSpec.Parse("uniform@max")] });
        guest.FillMemory();
        guest.StepAll(5000, 5000);
        Assert.Null(guest.Verify().FirstFinding);
        memory.Page(memory.PageCount - 1)[17] ^= 1;
        Assert.Equal(1, guest.Verify().CorruptedPages);
    }

    [Fact]
    public void Throttling_slows_without_changing_the_operations()
    {
        using VerifiableGuest guest = GuestFixture.Guest("hot:64KiB@max", throttle: true);
        Assert.True(guest.TryThrottle(0.5));
        guest.RunFor(1000);
        Assert.True(guest.TryThrottle(1));
        guest.Resume();
        Thread.Sleep(30);
        long stopped = guest.Operations;
        Thread.Sleep(30);
        Assert.Equal(stopped, guest.Operations);
        Assert.True(guest.TryThrottle(0));
        guest.Pause();
        guest.RunFor(1000);
        Assert.Null(guest.Verify().FirstFinding);

        using VerifiableGuest plain = GuestFixture.Guest();
        Assert.False(plain.TryThrottle(0.5));
        Assert.Throws<ArgumentOutOfRangeException>(() => plain.TryThrottle(1.1));
    }

    [Fact]
    public void Stalls_are_seen()
    {
        using VerifiableGuest guest = GuestFixture.Guest("hot:64KiB@max", cpus: 1);
        guest.RunFor(100);
        Thread.Sleep(50);
        guest.RunFor(100);
        Assert.True(guest.LongestStall >= TimeSpan.FromMilliseconds(50));
        Assert.Null(guest.SwitchoverStall);
        Assert.All(guest.GetVirtualCpuStatistics(), c => Assert.Null(c.SwitchoverStall));
    }

    [Fact]
    public void Options_that_do_not_fit_are_refused()
    {
        Assert.Contains("1 to 64", Bad(new VerifiableGuestOptions { VirtualCpus = 65 }), StringComparison.Ordinal);
        Assert.Contains("0 to 100", Bad(new VerifiableGuestOptions { FillPercent = 101 }), StringComparison.Ordinal);
        Assert.Contains("1 to 16", Bad(new VerifiableGuestOptions { Workloads = [] }), StringComparison.Ordinal);
        Assert.Contains("more memory", Bad(new VerifiableGuestOptions { Workloads = [WorkloadSpec.Parse("hot:1GiB@max")] }), StringComparison.Ordinal);
        Assert.Contains("cannot be combined", Bad(new VerifiableGuestOptions { Workloads = [WorkloadSpec.Parse("seq@max"), WorkloadSpec.Parse("seq@1MiB/s")] }), StringComparison.Ordinal);
        Assert.Contains("first memory region", Bad(new VerifiableGuestOptions { VirtualCpus = 64 }), StringComparison.Ordinal);
    }

    [Fact]
    public void Wrong_orders_of_calls_are_refused()
    {
        using VerifiableGuest guest = GuestFixture.Empty();
        Assert.Throws<InvalidOperationException>(() => guest.Resume());
        Assert.Throws<InvalidOperationException>(() => guest.Verify());
        guest.FillMemory();
        Assert.Throws<InvalidOperationException>(guest.FillMemory);
        guest.Resume(5);
        Assert.Throws<InvalidOperationException>(() => guest.Verify());
        Assert.Throws<InvalidOperationException>(() => guest.Save());
        guest.Pause();
        Assert.Equal(MigrationErrorKind.OwnershipFailed, Assert.Throws<MigrationException>(() => guest.Resume(4)).Kind);
        guest.Resume(6);
        Assert.Equal(6UL, guest.Epoch);
        guest.PowerOff();
        Assert.Null(guest.Verify().FirstFinding);
        Assert.Throws<InvalidOperationException>(() => guest.Resume(7));
    }

    private const int GuestFixtureSystemPages = 10;

    private static string Bad(VerifiableGuestOptions options)
    {
        using GuestMemory memory = GuestMemory.Allocate(1 << 20);
        return Assert.Throws<ArgumentException>(() => new VerifiableGuest(Guid.NewGuid(), memory, options)).Message;
    }

    private static DirtyBitmap Present(GuestMemory memory)
    {
        DirtyBitmap present = new(memory.PageCount);
        using ExplicitWriteTracer kernel = new(memory);
        kernel.MarkPresent(present);
        return present;
    }

    private static byte[] Snapshot(VerifiableGuest guest)
    {
        byte[] bytes = new byte[guest.Memory.Layout.Bytes];
        for (long page = 0; page < guest.Memory.PageCount; page++)
        {
            guest.Memory.Page(page).CopyTo(bytes.AsSpan((int)page * 4096));
        }

        return bytes;
    }

    private static ulong Hash(VerifiableGuest guest)
    {
        System.IO.Hashing.XxHash3 hash = new();
        for (long page = 0; page < guest.Memory.PageCount; page++)
        {
            hash.Append(guest.Memory.Page(page));
        }

        return hash.GetCurrentHashAsUInt64();
    }

    private sealed class ExplicitWriteTracerHolder : IDisposable
    {
        internal ExplicitWriteTracerHolder()
        {
            Guest = GuestFixture.Guest("uniform@max");
            Tracer = new ExplicitWriteTracer(Guest.Memory);
            Guest.AttachTracer(Tracer);
        }

        internal VerifiableGuest Guest { get; }

        internal ExplicitWriteTracer Tracer { get; }

        public void Dispose()
        {
            Guest.Dispose();
            Tracer.Dispose();
        }
    }
}
