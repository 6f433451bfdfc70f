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
    private DestinationQemu? _qemu;
    private CancellationToken _stop;
    private volatile bool _busy;

    /// <summary>Waits for the machine.</summary>
    /// <returns>The exit code.</returns>
    /// <exception cref="MigrationException">The QEMU here cannot take one.</exception>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        _stop = cancellationToken;
        using FileOwnershipStore? store = OwnershipStores.Open(run.Settings.OwnershipDirectory);
        if (store is null)
        {
            run.Warn(OwnershipStores.None);
        }

        await using StartRecovery recovery = new(run, MigrationRole.Destination);
        await recovery.AtStartAsync();
        try
        {
            _qemu = receive.Launch ? null : await DestinationQemu.ConnectAsync(run, receive, cancellationToken);
            using TcpAcceptor acceptor = new(receive.Listen, run.Settings.Tcp);
            MigrationDestination destination = new(MakeShadow, SessionOptions.Destination(run, store, run.State.Journal));
            run.Reports.Out.WriteLine($"listening on {acceptor.LocalEndPoint}");
            run.Reports.Out.Flush();
            recovery.GoOn();
            return await ReceiveAsync(destination, acceptor, cancellationToken);
        }
        catch (QmpException exception)
        {
            throw new MigrationException(MigrationErrorKind.Refused, exception.Message, exception);
        }
        finally
        {
            if (_qemu is not null)
            {
                await _qemu.DisposeAsync();
            }
        }
    }

    private async Task<int> ReceiveAsync(MigrationDestination destination, TcpAcceptor acceptor, CancellationToken cancellationToken)
    {
        while (true)
        {
            DestinationResult result = await ReceiveOneAsync(destination, acceptor, cancellationToken);
            MigrationReport report = result.Report;
            if (report is { MigrationId: 0, Outcome: MigrationOutcome.Cancelled })
            {
                return cancellationToken.IsCancellationRequested
                    ? ExitCodes.Cancelled
                    : throw new MigrationException(
                        MigrationErrorKind.GuestFailed, $"QEMU (process {_qemu!.Machine.ProcessId}) ended while it waited for a machine. Start it again with -incoming defer -S, and this program after it.");
            }

            if (result.Ownership is { Store: not null } ownership)
            {
                Keep(ownership);
            }

            QemuOutcome.Publish(run, report);
            QemuOutcome.Tell(run, report, _qemu?.Machine.ProcessId ?? 0);
            if (result.Guest is QemuGuest guest)
            {
                await guest.DisposeAsync();
            }

            bool stays = report.Outcome == MigrationOutcome.Completed || HeldRun.IsHeld(report);
            bool hasEnded = _qemu is { } qemu && qemu.Machine.Monitor.Closed.IsCompleted;
            if (!stays && receive.Launch && _qemu is { } launched)
            {
                // It was started for this machine, and was quit with the attempt; the next one gets a new one.
                _qemu = null;
                await launched.DiscardAsync();
            }

            if (stays || receive.Once || cancellationToken.IsCancellationRequested)
            {
                return ExitCodes.For(report);
            }

            if (hasEnded && !receive.Launch)
            {
                run.Warn("QEMU has ended with the failed attempt: start it again with -incoming defer -S, and this program after it.");
                return ExitCodes.For(report);
            }
        }
    }

    // A QEMU that dies while nobody moves a machine to it has nobody else who notices.
    private async Task<DestinationResult> ReceiveOneAsync(MigrationDestination destination, TcpAcceptor acceptor, CancellationToken cancellationToken)
    {
        using CancellationTokenSource waiting = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using LiveProgress progress = run.ShowProgress(null);
        _busy = false;
        Task<DestinationResult> receiving = destination.ReceiveAsync(acceptor, waiting.Token);
        if (_qemu is { } qemu && await Task.WhenAny(receiving, qemu.Machine.Monitor.Closed) != receiving && !_busy)
        {
            await waiting.CancelAsync();
        }

        return await receiving;
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

        _busy = true;
        MachineDescription source = MachineDescription.Decode(offer.Description.Configuration);

        // The engine's factories return at once or throw; this one waits for a process to start, before anything moves.
        DestinationQemu qemu = _qemu ??= DestinationQemu.LaunchAsync(run, receive, source, _stop).GetAwaiter().GetResult();
        if (DestinationCheck.Compare(source, qemu.Description) is { Count: > 0 } findings)
        {
            throw Finding.Refuse(findings);
        }

        run.Log.MigrationId = offer.MigrationId;
        var guest = new QemuGuest(offer.GuestId, qemu.Machine, qemu.TakeMemory(), QemuRole.Destination, qemu.Description, run.Time) { QuitWhenUnused = receive.Launch };
        run.Begin(offer.MigrationId, ReportMapping.Word(MigrationRole.Destination), offer.GuestId, offer.Layout.Bytes, offer.Source);
        run.Recoverer.Processes.Keep(offer.MigrationId, ReportMapping.Word(MigrationRole.Destination), offer.GuestId, receive.Qmp, qemu.Machine);
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
