using PageEngine.Cli.Commands;
using PageEngine.Cli.Output;
using PageEngine.Guests;
using PageEngine.Ownership;
using PageEngine.Qemu.Guests;
using PageEngine.Qemu.Machine;
using PageEngine.Qemu.Monitor;
using PageEngine.Qemu.Preflight;
using PageEngine.Reporting;
using PageEngine.Transport;

namespace PageEngine.Cli.Qemu;

// Owns: the destination's part of moving a QEMU machine: a QEMU that waits, and one attempt after the other until the
// machine has arrived. The QEMU then goes on by itself; this program ends.

/// <summary>Takes one machine.</summary>
internal sealed class QemuDestinationRun(CommandRun run, QemuReceiveSettings receive)
{
    private QemuMachine? _machine;
    private MachineDescription? _description;

    /// <summary>Waits for the machine.</summary>
    /// <returns>The exit code.</returns>
    /// <exception cref="MigrationException">The QEMU here cannot take one.</exception>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        using FileOwnershipStore? store = OwnershipStores.Open(run.Settings.OwnershipDirectory);
        if (store is null)
        {
            run.Warn(OwnershipStores.None);
        }

        await using StartRecovery recovery = new(run, MigrationRole.Destination);
        await recovery.AtStartAsync();
        try
        {
            await using QemuMachine machine = await QemuMachine.ConnectAsync(receive.Qmp, receive.ProcessId, new QmpOptions { Logger = run.Log }, cancellationToken);
            _machine = machine;
            _description = await MachineInspector.DescribeAsync(machine, cancellationToken);
            MachineState state = await MachineInspector.LookAsync(machine, cancellationToken);
            if (DestinationCheck.Judge(_description, state, machine.Ram, HostCheck.FreeBytes) is { Count: > 0 } findings)
            {
                throw Finding.Refuse(findings);
            }

            _ = machine.FindRam();
            using TcpAcceptor acceptor = new(receive.Listen, run.Settings.Tcp);
            MigrationDestination destination = new(MakeShadow, SessionOptions.Destination(run, store, run.State.Journal));
            run.Reports.Out.WriteLine($"listening on {acceptor.LocalEndPoint}");
            run.Reports.Out.Flush();
            recovery.GoOn();
            return await ReceiveAsync(machine, destination, acceptor, cancellationToken);
        }
        catch (QmpException exception)
        {
            throw new MigrationException(MigrationErrorKind.Refused, exception.Message, exception);
        }
    }

    private async Task<int> ReceiveAsync(QemuMachine machine, MigrationDestination destination, TcpAcceptor acceptor, CancellationToken cancellationToken)
    {
        while (true)
        {
            DestinationResult result;
            using (run.ShowProgress(null))
            {
                result = await destination.ReceiveAsync(acceptor, cancellationToken);
            }

            MigrationReport report = result.Report;
            if (report is { MigrationId: 0, Outcome: MigrationOutcome.Cancelled })
            {
                return ExitCodes.Cancelled;
            }

            if (result.Ownership is { Store: not null } ownership)
            {
                Keep(ownership);
            }

            run.Publish(ReportMapping.ToDocument(report));
            QemuOutcome.Tell(run, report, machine.ProcessId);
            if (result.Guest is QemuGuest guest)
            {
                await guest.DisposeAsync();
            }

            if (report.Outcome == MigrationOutcome.Completed || HeldRun.IsHeld(report) || receive.Once || cancellationToken.IsCancellationRequested)
            {
                return ExitCodes.For(report);
            }

            if (machine.Monitor.Closed.IsCompleted)
            {
                run.Warn("QEMU has ended with the failed attempt: start it again with -incoming defer -S, and this program after it.");
                return ExitCodes.For(report);
            }
        }
    }

    // The first effect of an attempt at this side: from here on a later process must be able to find the copy.
    private QemuGuest MakeShadow(GuestOffer offer)
    {
        if (offer.Description.Kind != QemuGuest.Kind)
        {
            throw new MigrationException(MigrationErrorKind.Refused, $"This destination takes QEMU machines, not guests of kind '{offer.Description.Kind}'. Send to `pageengine receive`.");
        }

        if (run.Settings.GuestId is { } only && offer.GuestId != only)
        {
            throw new MigrationException(MigrationErrorKind.Refused, $"This destination takes guest {only} only (--guest); guest {offer.GuestId} was offered.");
        }

        if (DestinationCheck.Compare(MachineDescription.Decode(offer.Description.Configuration), _description!) is { Count: > 0 } findings)
        {
            throw Finding.Refuse(findings);
        }

        run.Log.MigrationId = offer.MigrationId;
        QemuMachine machine = _machine!;
        var guest = new QemuGuest(
            offer.GuestId, machine, QemuMachine.MapMemory(machine.FindRam()), QemuRole.Destination, _description!, run.Time);
        run.Begin(offer.MigrationId, ReportMapping.Word(MigrationRole.Destination), offer.GuestId, offer.Layout.Bytes, offer.Source);
        run.Recoverer.Processes.Keep(offer.MigrationId, ReportMapping.Word(MigrationRole.Destination), offer.GuestId, receive.Qmp, machine);
        return guest;
    }

    private void Keep(GuestOwnership ownership)
    {
        try
        {
            run.Recoverer.Rights.Keep(ownership);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            run.Warn($"the right to run the guest could not be kept for its next move: {exception.Message}");
        }
    }
}
