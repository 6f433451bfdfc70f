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

    [QemuFact]
    public async Task A_running_machine_moves_back_and_forth_and_no_page_is_lost()
    {
        using TemporaryImage image = new(End);
        QemuProcess here = await QemuProcess.StartBootSectorAsync(Megabytes, image.Path);
        await here.WaitForPassesAsync(1);
        Guid id = Guid.NewGuid();
        var store = new MemoryOwnershipStore();
        GuestOwnership owned = await GuestOwnership.ClaimAsync(store, id);
        try
        {
            for (int move = 0; move < 4; move++)
            {
                QemuProcess there = await QemuProcess.StartBootSectorAsync(Megabytes, image.Path, incoming: true);
                (MigrationReport report, GuestOwnership? next) = await Move.RunAsync(here, there, id, owned, store);
                output.WriteLine(Move.Describe(report));
                Assert.Equal((MigrationOutcome.Completed, null), (report.Outcome, report.Failure?.Message));
                owned = next!;
                await here.WaitForExitAsync();
                await here.DisposeAsync();
                here = there;
                await there.WaitForPassesAsync(2);
                await using QemuMachine machine = await there.ConnectAsync();
                await machine.Monitor.ExecuteAsync("stop");
                using GuestMemory memory = QemuMachine.MapMemory(machine.FindRam());
                Assert.Null(BootSector.Judge(address => memory.Page(address / MemoryLayout.PageBytes)[0], End));
                await machine.Monitor.ExecuteAsync("cont");
            }
        }
        finally
        {
            await here.DisposeAsync();
        }
    }

    [LinuxGuestFact]
    public async Task A_running_Linux_moves_twenty_times_and_its_own_checks_never_fail()
    {
        const int Moves = 20;
        const int LinuxMegabytes = 1024;
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
}
