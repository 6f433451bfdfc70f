using System.Globalization;
using PageEngine.Cli.Output;
using PageEngine.EmbeddedGuest;
using PageEngine.EmbeddedGuest.Fencing;
using PageEngine.Memory;
using PageEngine.Ownership;
using PageEngine.Recovery;
using PageEngine.Reporting;
using PageEngine.Transport;

namespace PageEngine.Cli.Commands;

// Owns: the destination's part: listening, the guests that arrived and run here, and their check at the end.

/// <summary>Takes migrations until it is told to stop.</summary>
internal sealed class DestinationRun : IDisposable
{
    private readonly CommandRun _run;
    private readonly ReceiveSettings _receive;
    private readonly List<(VerifiableGuest Guest, MigrationReport Report)> _guests = [];
    private readonly GuardedEffects? _guard;
    private VerifiableGuest? _shadow;
    private GuestMemory? _reserved;

    /// <summary>Prepares a destination.</summary>
    public DestinationRun(CommandRun run, ReceiveSettings receive)
    {
        _run = run;
        _receive = receive;
        _guard = run.Settings.Guard is { } guard ? new GuardedEffects(guard) : null;
    }

    /// <summary>Takes migrations.</summary>
    /// <param name="cancellationToken">Stops: guests that run here are checked, then the program ends.</param>
    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        MigrationSettings settings = _run.Settings;
        using FileOwnershipStore? store = OwnershipStores.Open(settings.OwnershipDirectory);
        if (store is null)
        {
            _run.Warn(OwnershipStores.None);
        }

        _run.Recoverer.JournalDirectory = _receive.Journal ?? _run.State.Journal;
        _run.Recoverer.RaiseGuards = _guard is null ? null : _guard.RaiseAsync;
        await using StartRecovery recovery = new(_run, MigrationRole.Destination);
        await recovery.AtStartAsync();
        using TcpAcceptor acceptor = new(_receive.Listen, settings.Tcp);
        MigrationDestination destination = new(
            MakeShadow,
            SessionOptions.Destination(_run, store, _run.Recoverer.JournalDirectory) with { RaiseGuards = _guard is null ? null : _guard.RaiseAsync });
        Reserve(cancellationToken);
        _run.Reports.Out.WriteLine($"listening on {acceptor.LocalEndPoint}");
        _run.Reports.Out.Flush();
        recovery.GoOn();
        int code = ExitCodes.Done;
        bool isNotice = false;
        MigrationReport? inMemory = null;
        do
        {
            if (await ReceiveAsync(destination, acceptor, cancellationToken) is not { } result)
            {
                code = _receive.Once ? ExitCodes.Cancelled : ExitCodes.Done;
                break;
            }

            if (result.Report is { MigrationId: 0, Failure: { Kind: MigrationErrorKind.InDoubt } notice })
            {
                // Somebody settled a migration at its other side and says so: that was none.
                _run.Warn(notice.Message);
                isNotice = true;
                continue;
            }

            isNotice = false;
            if (result.Guest is VerifiableGuest guest && result.Report.Outcome == MigrationOutcome.Completed)
            {
                _guests.Add((guest, result.Report));
                if (_receive.RunFor is { } runFor)
                {
                    await WaitAsync(runFor, cancellationToken);
                    break;
                }

                _run.Publish(ReportMapping.ToDocument(result.Report), isLast: false);
            }
            else
            {
                bool saved = true;
                if (result.Guest is { } held && HeldRun.IsHeld(result.Report))
                {
                    saved = await HeldRun.TrySaveAsync(_run, result.Report, held);
                    inMemory = saved ? inMemory : result.Report;
                    if (saved)
                    {
                        (held as IDisposable)?.Dispose();
                    }
                }

                HeldRun.Publish(_run, result.Report, ReportMapping.ToDocument(result.Report), saved);
                code = _receive.Once ? ExitCodes.For(result.Report) : ExitCodes.Done;
            }
        }
        while ((isNotice || !_receive.Once) && !cancellationToken.IsCancellationRequested);

        if (inMemory is not null)
        {
            code = await HeldRun.WaitAsync(_run, inMemory, cancellationToken);
        }

        if ((_guests.Count > 0 || recovery.Guests.Count > 0) && _receive.RunFor is null)
        {
            await WaitAsync(Timeout.InfiniteTimeSpan, cancellationToken);
        }

        foreach ((VerifiableGuest guest, RecoveryResult settled) in recovery.Guests)
        {
            code = Math.Max(code, await SettledGuest.CheckAsync(_run, settled, guest));
        }

        foreach ((VerifiableGuest guest, MigrationReport report) in _guests)
        {
            code = Math.Max(code, await EndAsync(guest, report));
        }

        return code;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach ((VerifiableGuest guest, _) in _guests)
        {
            guest.Dispose();
        }

        _shadow?.Dispose();
        _reserved?.Dispose();
        _guard?.Dispose();
    }

    // The first touch of a page costs several times what it costs to fill it: taken here, it delays nobody. The first guest
    // that fits gets it.
    private void Reserve(CancellationToken cancellationToken)
    {
        if (!_receive.Reserve)
        {
            return;
        }

        long began = _run.Time.GetTimestamp();
        _reserved = GuestMemory.Allocate(_run.Settings.MemoryBytes);
        _reserved.Populate(cancellationToken);
        _run.Step(string.Create(
            CultureInfo.InvariantCulture,
            $"{Units.FormatBytes(_run.Settings.MemoryBytes)} of memory are reserved, in {_run.Time.GetElapsedTime(began).TotalMilliseconds:0} ms."));
    }

    private GuestMemory TakeReserved(MemoryLayout layout)
    {
        _run.Step("It gets the reserved memory.");
        GuestMemory reserved = _reserved!;
        _reserved = null;
        return reserved;
    }

    private async Task<DestinationResult?> ReceiveAsync(MigrationDestination destination, TcpAcceptor acceptor, CancellationToken cancellationToken)
    {
        _run.Watch.Clear();
        _run.Log.MigrationId = null;
        try
        {
            using (_run.ShowProgress(goal: null))
            {
                DestinationResult result = await destination.ReceiveAsync(acceptor, cancellationToken);
                if (result.Guest is not null)
                {
                    _shadow = null;
                }

                // Told to stop while nobody had come: there is nothing to report.
                return result.Report.MigrationId == 0 && cancellationToken.IsCancellationRequested ? null : result;
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return null;
        }
        finally
        {
            // A shadow that did not become a running guest is of no more use.
            _shadow?.Dispose();
            _shadow = null;
        }
    }

    private VerifiableGuest MakeShadow(GuestOffer offer)
    {
        if (_run.Settings.GuestId is { } only && only != offer.GuestId)
        {
            throw new MigrationException(MigrationErrorKind.Refused, $"This destination takes guest {only} only (--guest); {offer.GuestId} was offered.");
        }

        _run.Log.MigrationId = offer.MigrationId;
        _run.Begin(offer.MigrationId, ReportMapping.Word(MigrationRole.Destination), offer.GuestId, offer.Layout.Bytes, offer.Source);
        _run.Step($"Guest {offer.GuestId} of {Units.FormatBytes(offer.Layout.Bytes)} comes from {offer.Source}.");
        _shadow = VerifiableGuest.FromDescription(
            offer.GuestId, offer.Description, offer.Layout, _run.Settings.MemoryIsGiven ? _run.Settings.MemoryBytes : null,
            offer.Layout.Equals(_reserved?.Layout) ? TakeReserved : null);
        if (_guard is not null)
        {
            _shadow.AttachEffects(_guard);

            // Beside the copying, so that no connection has to be made in the blackout.
            _ = _guard.ConnectAsync();
        }

        return _shadow;
    }

    private async Task WaitAsync(TimeSpan time, CancellationToken cancellationToken)
    {
        _run.Step(time == Timeout.InfiniteTimeSpan ? "The guest runs here until Ctrl-C." : $"The guest runs here for {Units.FormatDuration(time)}.");
        try
        {
            await Task.Delay(time, _run.Time, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // Told to stop: that is what was waited for.
        }
    }

    private async Task<int> EndAsync(VerifiableGuest guest, MigrationReport report)
    {
        await guest.PauseAsync(CancellationToken.None);
        GuestFindings? findings = null;
        if (_receive.RunFor is not null || _run.Settings.Verify)
        {
            _run.Step("Checking the guest against a replay of its run.");
            findings = GuestFindings.From(guest.Verify());
        }

        if (guest.FenceReason is { } fence)
        {
            _run.Warn($"this copy of guest {guest.Id} was stopped for good: {fence}.");
        }

        if (guest.SwitchoverStallIsByWallClock)
        {
            _run.Warn("the guest's stall at the switchover is by two hosts' wall clocks: only as exact as they are set.");
        }

        _run.Publish(ReportMapping.ToDocument(report, findings, guest.LongestStall, guest.SwitchoverStall));
        return ExitCodes.For(report, findings);
    }
}
