using System.Globalization;
using System.Net;
using Microsoft.Extensions.Logging;
using PageEngine.Memory;
using PageEngine.Ownership;
using PageEngine.Qemu.Guests;
using PageEngine.Qemu.Machine;
using PageEngine.Qemu.Ram;
using PageEngine.Qemu.Tests.Machines;
using PageEngine.Reporting;
using PageEngine.Transport;

namespace PageEngine.Qemu.Tests.Guests;

// One move between two QEMUs of this host, both sides in this process.
internal static class Move
{
    internal static async Task<(MigrationReport Report, GuestOwnership? Next)> RunAsync(
        QemuProcess from, QemuProcess to, Guid id, GuestOwnership? owned, IOwnershipStore? store, TimeSpan? goal = null, ILogger? log = null)
    {
        await using QemuMachine source = await from.ConnectAsync(log);
        await using QemuMachine target = await to.ConnectAsync(log);
        IReadOnlyList<RamMapping> ram = source.FindRam();
        await using QemuGuest guest = new(id, source, QemuMachine.MapMemory(ram), QemuRole.Source, await MachineInspector.DescribeAsync(source));
        MachineDescription description = await MachineInspector.DescribeAsync(target);
        var destination = new MigrationDestination(
            offer => new QemuGuest(offer.GuestId, target, QemuMachine.MapMemory(target.FindRam()), QemuRole.Destination, description),
            new MigrationDestinationOptions { OwnershipStore = store, Logger = log });
        using var acceptor = new TcpAcceptor(new IPEndPoint(IPAddress.Loopback, 0));
        Task<DestinationResult> receiving = destination.ReceiveAsync(acceptor);
        ForeignTracing tracing = await source.TraceAsync(guest.Memory, ram);
        using var tracer = tracing.Tracer;
        var migration = new MigrationSource(guest, tracer, new MigrationSourceOptions
        {
            Ownership = owned,
            Verify = true,
            Logger = log,

            // A guest that writes everything in every round converges by no shorter goal on a busy host.
            SwitchoverGoal = goal ?? TimeSpan.FromMinutes(1),
        });
        MigrationReport report = await migration.MigrateAsync(new TcpConnector(acceptor.LocalEndPoint));
        DestinationResult result = await receiving;
        if (result.Guest is QemuGuest arrived)
        {
            await arrived.DisposeAsync();
        }

        return (report, result.Ownership);
    }

    internal static string Describe(MigrationReport report) => string.Create(
        CultureInfo.InvariantCulture,
        $"{report.Outcome} {report.Failure?.Message} rounds {report.Rounds.Count} total {report.Total.TotalMilliseconds:0} ms, blackout {report.Switchover?.Actual.TotalMilliseconds:0.0} ms, remaining {report.Switchover?.RemainingPages}, {report.Switchover?.Parts}");
}
