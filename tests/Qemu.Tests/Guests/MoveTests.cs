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
}
