using System.Net;
using PageEngine.Memory;
using PageEngine.Ownership;
using PageEngine.Qemu.Guests;
using PageEngine.Qemu.Machine;
using PageEngine.Qemu.Ram;
using PageEngine.Qemu.Tests.Machines;
using PageEngine.Reporting;
using PageEngine.Transport;
using Xunit;
using Xunit.Abstractions;

namespace PageEngine.Qemu.Tests.Guests;

public class MoveTests(ITestOutputHelper output)
{
    private const int Megabytes = 128;
    private const long End = 100 << 20;
    private const int LinuxMegabytes = 1024;

    [QemuFact]
    public Task A_running_machine_moves_back_and_forth_and_no_page_is_lost() => MoveBackAndForthAsync();

    [KvmFact]
    public Task A_machine_that_KVM_runs_moves_back_and_forth_and_no_page_is_lost() => MoveBackAndForthAsync("-accel", "kvm");

    private async Task MoveBackAndForthAsync(params string[] accelerator)
    {
        using TemporaryImage image = new(End);
        QemuProcess here = await QemuProcess.StartBootSectorAsync(Megabytes, image.Path, incoming: false, accelerator);
        await here.WaitForPassesAsync(1);
        Guid id = Guid.NewGuid();
        var store = new MemoryOwnershipStore();
        GuestOwnership owned = await GuestOwnership.ClaimAsync(store, id);
        try
        {
            for (int move = 0; move < 4; move++)
            {
                QemuProcess there = await QemuProcess.StartBootSectorAsync(Megabytes, image.Path, incoming: true, accelerator);
                (MigrationReport report, GuestOwnership? next) = await Move.RunAsync(here, there, id, owned, store);
                output.WriteLine(Move.Describe(report));
                Assert.Equal((MigrationOutcome.Completed, null), (report.Outcome, report.Failure?.Message));
                owned = next!;
                await here.WaitForExitAsync();
                await here.DisposeAsync();
                here = there;
                await there.WaitForPassesAsync(2);
                await AssertConsistentAsync(there);
            }
        }
        finally
        {
            await here.DisposeAsync();
        }
    }

    [LinuxGuestFact(megabytes: 2 * LinuxMegabytes)]
    public async Task A_running_Linux_moves_twenty_times_and_its_own_checks_never_fail()
    {
        const int Moves = 20;
        const string Work = "pe.memory=700 pe.rate=100 pe.kind=hot pe.hot=256";
        QemuProcess here = await LinuxGuest.StartAsync(LinuxMegabytes, Work);
        Guid id = Guid.NewGuid();
        var store = new MemoryOwnershipStore();
        GuestOwnership owned = await GuestOwnership.ClaimAsync(store, id);
        try
        {
            await LinuxGuest.WaitForTicksAsync(here, 20);
            for (int move = 0; move < Moves; move++)
            {
                QemuProcess there = await LinuxGuest.StartAsync(LinuxMegabytes, Work, incoming: true);
                (MigrationReport report, GuestOwnership? next) = await Move.RunAsync(here, there, id, owned, store, TimeSpan.FromSeconds(2));
                output.WriteLine(Move.Describe(report));
                Assert.Equal((MigrationOutcome.Completed, null), (report.Outcome, report.Failure?.Message));
                owned = next!;
                await here.WaitForExitAsync();
                await LinuxGuest.WaitForTicksAsync(there, 10);

                // The guest says every tick once: what it had not sent over the one serial line comes over the other.
                (long lastHere, _, long errors) = LinuxGuest.Ticks(here)[^1];
                Assert.Equal(0, errors);
                Assert.Empty(LinuxGuest.Errors(here));
                Assert.InRange(LinuxGuest.Ticks(there)[0].Number, lastHere + 1, lastHere + 2);
                await here.DisposeAsync();
                here = there;
            }

            Assert.Equal(0, LinuxGuest.Ticks(here)[^1].Errors);
            Assert.Empty(LinuxGuest.Errors(here));
        }
        finally
        {
            await here.DisposeAsync();
        }
    }

    [QemuFact]
    public async Task Steps_of_a_move_come_in_the_order_that_keeps_the_guest_whole()
    {
        using TemporaryImage image = new(End);
        await using QemuProcess here = await QemuProcess.StartBootSectorAsync(Megabytes, image.Path);
        await using QemuProcess there = await QemuProcess.StartBootSectorAsync(Megabytes, image.Path, incoming: true);
        await here.WaitForPassesAsync(1);
        Guid id = Guid.NewGuid();
        var store = new MemoryOwnershipStore();
        var steps = new StepLog(here.Qmp, there.Qmp);
        (MigrationReport report, _) = await Move.RunAsync(here, there, id, await GuestOwnership.ClaimAsync(store, id), store, log: steps);
        Assert.Equal((MigrationOutcome.Completed, null), (report.Outcome, report.Failure?.Message));
        await here.WaitForExitAsync();
        output.WriteLine(string.Join(Environment.NewLine, steps.All));

        // Settings and pipes are ready on both sides before the first round; QEMU is stopped, then saves; only when all of
        // it has arrived does the other QEMU load; it runs by the commit alone, and tells the network; the source quits last.
        steps.AssertOrder(
            "S migrate-set-capabilities", "S getfd", "Phase PreCopy", "Phase Pause", "S stop", "S migrate", "Phase Prepare",
            "D migrate-incoming", "Phase Commit", "D cont", "D announce-self");
        steps.AssertOrder("D migrate-set-capabilities", "D getfd", "Phase PreCopy", "D migrate-incoming");
        steps.AssertOrder("D cont", "S quit");
        Assert.DoesNotContain("S cont", steps.All);
        Assert.DoesNotContain("D stop", steps.All);
    }

    [QemuFact]
    public async Task Guest_that_cannot_be_loaded_runs_on_at_the_source_and_moves_with_the_next_attempt()
    {
        using TemporaryImage image = new(End);
        QemuProcess here = await QemuProcess.StartBootSectorAsync(Megabytes, image.Path, incoming: false, "-device", "virtio-rng-pci,addr=7");
        await here.WaitForPassesAsync(1);
        Guid id = Guid.NewGuid();
        var store = new MemoryOwnershipStore();
        GuestOwnership owned = await GuestOwnership.ClaimAsync(store, id);
        try
        {
            // Without the checks that the command makes first: QEMU finds a device missing in the middle of the state.
            await using (QemuProcess unfit = await QemuProcess.StartBootSectorAsync(Megabytes, image.Path, incoming: true))
            {
                (MigrationReport failed, _) = await Move.RunAsync(here, unfit, id, owned, store);
                Assert.Equal((MigrationOutcome.Failed, GuestWhereabouts.RunningAtSource), (failed.Outcome, failed.Failure!.Guest));
                Assert.Equal(MigrationErrorKind.GuestFailed, failed.Failure.Kind);
                await unfit.WaitForExitAsync();
                owned = owned with { Epoch = failed.Epoch };
            }

            await here.WaitForPassesAsync(2);
            await AssertConsistentAsync(here);
            await using QemuProcess there = await QemuProcess.StartBootSectorAsync(Megabytes, image.Path, incoming: true, "-device", "virtio-rng-pci,addr=7");
            (MigrationReport report, _) = await Move.RunAsync(here, there, id, owned, store);
            Assert.Equal((MigrationOutcome.Completed, null), (report.Outcome, report.Failure?.Message));
            await there.WaitForPassesAsync(2);
            await AssertConsistentAsync(there);
        }
        finally
        {
            await here.DisposeAsync();
        }
    }

    [LinuxGuestFact]
    public async Task Disk_that_the_guest_writes_goes_along_whole_and_belongs_to_one_QEMU_at_a_time()
    {
        const string Work = "pe.memory=64 pe.rate=20 pe.disk=1";
        string disk = Path.GetTempFileName();
        using (FileStream image = File.OpenWrite(disk))
        {
            image.SetLength(16 << 20);
        }

        string[] drive = ["-drive", $"if=none,id=disk0,format=raw,file={disk}", "-device", "virtio-blk-pci,drive=disk0"];
        QemuProcess here = await LinuxGuest.StartAsync(256, Work, incoming: false, drive);
        try
        {
            Guid id = Guid.NewGuid();
            var store = new MemoryOwnershipStore();
            GuestOwnership owned = await GuestOwnership.ClaimAsync(store, id);
            await LinuxGuest.WaitForLineAsync(here, "D ");
            for (int move = 0; move < 3; move++)
            {
                QemuProcess there = await LinuxGuest.StartAsync(256, Work, incoming: true, drive);
                (MigrationReport report, GuestOwnership? next) = await Move.RunAsync(here, there, id, owned, store);
                Assert.Equal((MigrationOutcome.Completed, null), (report.Outcome, report.Failure?.Message));
                owned = next!;
                await LinuxGuest.WaitForLineAsync(there, "D ");
                Assert.Empty(LinuxGuest.Errors(here));
                await here.DisposeAsync();
                here = there;
            }

            // Whoever else wants the image is turned away: the one that runs has it locked.
            Assert.Contains("lock", await LastWordsOfAsync(() => LinuxGuest.StartAsync(256, Work, incoming: false, drive)), StringComparison.Ordinal);
            await LinuxGuest.WaitForLineAsync(here, "D ");
            Assert.Empty(LinuxGuest.Errors(here));
        }
        finally
        {
            await here.DisposeAsync();
            File.Delete(disk);
        }
    }

    private static async Task<string> LastWordsOfAsync(Func<Task<QemuProcess>> start)
    {
        try
        {
            await using QemuProcess qemu = await start();
            await qemu.WaitForExitAsync();
            return await qemu.ErrorsAsync();
        }
        catch (InvalidOperationException e)
        {
            return e.Message;
        }
    }

    private static async Task AssertConsistentAsync(QemuProcess qemu)
    {
        await using QemuMachine machine = await qemu.ConnectAsync();
        await machine.Monitor.ExecuteAsync("stop");
        using GuestMemory memory = QemuMachine.MapMemory(machine.FindRam());
        Assert.Null(BootSector.Judge(address => memory.Page(address / MemoryLayout.PageBytes)[0], End));
        await machine.Monitor.ExecuteAsync("cont");
    }
}
