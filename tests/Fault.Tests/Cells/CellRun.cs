using System.Diagnostics;
using PageEngine.Fault.Tests.Hosts;
using PageEngine.Fault.Tests.Proxy;
using PageEngine.Ownership;
using Xunit;

namespace PageEngine.Fault.Tests.Cells;

// Owns: one cell from its processes to its verdict. What it waits for is always an answer of a host, never a time.

internal sealed class CellRun
{
    private static readonly TimeSpan _shortAbsence = TimeSpan.FromSeconds(1);

    private const int VirtualCpus = 2;
    private const int MaxAttempts = 3;

    private readonly Cell _cell;
    private readonly Arena _arena;
    private readonly FaultProxy _proxy;
    private readonly TaskCompletionSource _struck = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private FaultProcess _source;
    private FaultProcess _destination;
    private FaultProcess? _restarted;
    private HostRecovered? _settledAtOnce;
    private HashSet<FramePoint> _delivered = [];
    private Task _aftermath = Task.CompletedTask;
    private int _fired;

    private CellRun(Cell cell, Arena arena, FaultProcess source, FaultProcess destination)
    {
        _cell = cell;
        _arena = arena;
        _source = source;
        _destination = destination;
        _proxy = arena.ProxyTo(destination);
        _proxy.OnFrame = OnFrameAsync;
        _proxy.OnPages = OnPagesAsync;
    }

    /// <summary>Runs a cell and checks it. On a machine so busy that a shortened timer ends a migration before the fault
    /// could, the cell says nothing: it is run again.</summary>
    internal static async Task RunAsync(Cell cell)
    {
        for (int attempt = 1; !await TryRunAsync(cell); attempt++)
        {
            Assert.True(attempt < MaxAttempts, $"{cell}: the moment for it never came.");
        }
    }

    private static async Task<bool> TryRunAsync(Cell cell)
    {
        long began = Stopwatch.GetTimestamp();
        string ended = "FAILED";
        try
        {
            await using var arena = new Arena();
            FaultProcess[] hosts = await Task.WhenAll(arena.StartAsync("source", withGuest: true), arena.StartAsync("destination"));
            try
            {
                string? ending = await new CellRun(cell, arena, hosts[0], hosts[1]).RunAsync();
                ended = ending ?? "too busy, once more";
                return ending is not null;
            }
            catch (Exception e)
            {
                throw new CellException(cell, arena.Hosts, e);
            }
        }
        finally
        {
            FaultJournal.Add(cell, ended, Stopwatch.GetElapsedTime(began));
        }
    }

    private async Task<string?> RunAsync()
    {
        HostResources sourceBefore = await _source.AskAsync<HostResources>("resources", "resources");
        HostResources destinationBefore = await _destination.AskAsync<HostResources>("resources", "resources");
        Task step = _cell.At is AtStep at ? await ArmAsync(at) : Task.CompletedTask;
        _destination.Tell("receive");
        _source.Tell($"migrate {_proxy.EndPoint}");
        HostResult? source = await ResultAsync(_source);
        HostResult? destination = await ResultAsync(_destination);
        if (Volatile.Read(ref _fired) == 0 && !_source.HasSaid("stopped ") && !_destination.HasSaid("stopped "))
        {
            _arena.CheckEffects();
            Assert.True(source is { FailureKind: "Timeout", Guest: "running" }, "The moment for it never came.");
            return null;
        }

        await step;
        await _struck.Task;
        await _aftermath;
        _arena.BringStoreBack();

        Ending ending = new(source?.Guest ?? "dead", destination?.Guest ?? "dead");
        (OwnershipRecord record, OwnershipMark mark) = await _arena.RecordAsync();
        RunId first = await _arena.FirstRunAsync();
        var facts = new CellFacts(_delivered, _proxy.Conversation.Seen.ToHashSet(), record.Holder == first, mark);
        Assert.Contains(ending, Oracle.Allowed(_cell.Fault, facts));
        CheckReports(source, destination);
        _arena.CheckEffects();

        await CheckGuestAsync(_source, ending.Source, record, mark);
        await CheckGuestAsync(_destination, ending.Destination, record, mark);
        CheckLeftovers(ending);
        await CheckResourcesAsync(_source, sourceBefore, ending.Source, 1);
        await CheckResourcesAsync(_destination, destinationBefore, ending.Destination, 0);
        Ending recovered = await RecoverAsync(ending, facts);
        if (recovered == Ending.AtSource || recovered == Ending.AtDestination)
        {
            await MoveAgainAsync(recovered == Ending.AtDestination);
        }

        _arena.CheckEffects();
        return ending.ToString();
    }

    // A host that was killed has no result, unless it said it before.
    private static async Task<HostResult?> ResultAsync(FaultProcess host)
    {
        try
        {
            HostResult result = await host.NextAsync<HostResult>("result", 0);
            return host.IsAlive ? result : null;
        }
        catch (HostException) when (!host.IsAlive)
        {
            return null;
        }
    }

    private async ValueTask<Verdict> OnFrameAsync(FramePoint point, Edge edge)
    {
        if (_cell.At != new AtFrame(point, edge) || Interlocked.Exchange(ref _fired, 1) != 0)
        {
            return Verdict.Forward;
        }

        _delivered = [.. _proxy.Conversation.Seen];
        if (edge == Edge.Before && _cell.Fault is FaultKind.Cut or FaultKind.Reset or FaultKind.BlackHole or FaultKind.Corrupt or FaultKind.Truncate or FaultKind.Drop)
        {
            _delivered.Remove(point);
        }

        await StrikeAsync();
        return _cell.Fault switch
        {
            FaultKind.Corrupt => Verdict.Corrupt,
            FaultKind.Truncate => Verdict.Truncate,
            FaultKind.Drop => Verdict.Drop,
            FaultKind.Duplicate => Verdict.Duplicate,
            _ => Verdict.Forward,
        };
    }

    private async ValueTask OnPagesAsync(PageBytes bytes)
    {
        if (_cell.At is AtPageByte at && bytes.Covers(at.Offset))
        {
            Interlocked.Exchange(ref _fired, 1);
            _delivered = [.. _proxy.Conversation.Seen];
            if (_cell.Fault == FaultKind.Corrupt)
            {
                bytes.Bytes.Span[(int)(at.Offset - bytes.Offset)] ^= 0x10;
            }

            await StrikeAsync();
        }
    }

    // The host stops at the step until it is hit, and goes on with it if it still can.
    private async Task<Task> ArmAsync(AtStep at)
    {
        FaultProcess host = at.Host == _source.Name ? _source : _destination;
        int from = host.Mark();
        await host.ArmAsync(at.Step, at.Edge.ToString().ToLowerInvariant(), 1);
        return StrikeAtStepAsync(host, from);
    }

    private async Task StrikeAtStepAsync(FaultProcess host, int from)
    {
        await host.NextAsync("stopped ", from);
        _delivered = [.. _proxy.Conversation.Seen];
        await StrikeAsync();
        host.Tell("disarm");
        host.Tell("go");
    }

    // The frame is held back until this is done, and goes on its way then, if there still is one.
    private async Task StrikeAsync()
    {
        switch (_cell.Fault)
        {
            case FaultKind.Cut:
                _proxy.Cut();
                break;
            case FaultKind.Reset:
                _proxy.Reset();
                break;
            case FaultKind.BlackHole:
                _proxy.BlackHole();
                break;
            case FaultKind.KillSource:
                await _source.KillAsync();
                break;
            case FaultKind.KillDestination:
                await _destination.KillAsync();
                break;
            case FaultKind.RestartSource:
                await _source.KillAsync();
                _aftermath = RestartAsync(_source);
                break;
            case FaultKind.RestartDestination:
                await _destination.KillAsync();
                _aftermath = RestartAsync(_destination);
                break;
            case FaultKind.PauseSource:
                _source.Stop();
                _aftermath = ContinueAsync(_source, _destination);
                break;
            case FaultKind.PauseDestination:
                _destination.Stop();
                _aftermath = ContinueAsync(_destination, _source);
                break;
            case FaultKind.StoreGone:
                _arena.MoveStoreAway();
                break;
            case FaultKind.StoreAway:
                _arena.MoveStoreAway();
                _aftermath = BringBackAsync();
                break;
            case FaultKind.HalfOpen:
                _proxy.HalfOpen(Way.ToDestination);
                break;
            default:
                break;
        }

        _struck.TrySetResult();
    }

    // Beyond the timers means: until the other side has come to an end by itself.
    private static async Task ContinueAsync(FaultProcess stopped, FaultProcess other)
    {
        try
        {
            await other.NextAsync("result ", 0);
        }
        finally
        {
            stopped.Continue();
        }
    }

    private async Task RestartAsync(FaultProcess killed)
    {
        _restarted = await _arena.StartAsync(killed.Name);
        _settledAtOnce = await _restarted.AskAsync<HostRecovered>("recover", "recovered");
    }

    private async Task BringBackAsync()
    {
        await Task.Delay(_shortAbsence);
        _arena.BringStoreBack();
    }

    private void CheckReports(HostResult? source, HostResult? destination)
    {
        if (source is not null)
        {
            Assert.Equal(
                source.Guest switch { "running" => ("Failed", "RunningAtSource"), "held" => ("InDoubt", "Held"), _ => ("Completed", null) },
                (source.Outcome, source.Whereabouts));
            Assert.NotEqual(false, source.Identical);
            Assert.NotEqual("Internal", source.FailureKind);
        }

        if (destination is not null)
        {
            Assert.Equal(destination.Guest switch { "running" => "Completed", "held" => "InDoubt", _ => "Failed" }, destination.Outcome);
            Assert.Contains(destination.Whereabouts, (string?[])(destination.Guest switch
            {
                "running" => [null],
                "held" => ["Held"],
                _ => _cell.Fault is not (FaultKind.KillSource or FaultKind.RestartSource) ? ["RunningAtSource"] : MayNotKnow ? ["Lost", "RunningAtSource"] : ["Lost"],
            }));
            Assert.NotEqual("Internal", destination.FailureKind);
        }

        if (destination is { Whereabouts: "Lost" })
        {
            Assert.Equal("GuestLost", destination.FailureKind);
        }
    }

    // During the handshake the destination may not know yet what it would lose.
    private bool MayNotKnow => _cell.At is AtFrame { Point.Section: Section.Handshake };

    private static async Task CheckGuestAsync(FaultProcess host, string expected, OwnershipRecord record, OwnershipMark mark)
    {
        if (expected == "dead")
        {
            return;
        }

        HostVerified verified = await host.AskAsync<HostVerified>("verify", "verified");
        Assert.Equal(expected, verified.Guest);
        if (expected == "running")
        {
            Assert.True(verified.RanOn);
            Assert.Equal(record.Epoch, verified.Epoch);
            Assert.True(mark != OwnershipMark.None || host.Name == "source");
        }

        Assert.True(verified.IsConsistent, verified.Finding);
    }

    // A side that was killed or is in doubt leaves what the next start needs.
    private void CheckLeftovers(Ending ending)
    {
        bool settled = ending == Ending.AtSource || ending == Ending.AtDestination;
        if (settled && _cell.Fault is not (FaultKind.StoreGone or FaultKind.StoreAway))
        {
            string[] leftovers = _arena.Leftovers("source", "destination");
            Assert.True(leftovers.Length == 0, $"Left behind: {string.Join(", ", leftovers)}");
        }
    }

    private async Task CheckResourcesAsync(FaultProcess host, HostResources before, string guest, int guestsBefore)
    {
        if (guest == "dead")
        {
            return;
        }

        HostResources after = await host.AskAsync<HostResources>("resources", "resources");
        int guests = guest == "none" ? 0 : 1;

        // A connection that came when the migration was over waits at the listener for the next one.
        Assert.InRange(after.Sockets, before.Sockets, before.Sockets + (_cell.Fault == FaultKind.PauseSource && host == _destination ? 1 : 0));
        Assert.True(before.Files == after.Files, string.Join('\n', after.OpenPaths));
        Assert.Equal(guests, after.GuestMappings);
        Assert.Equal(before.Threads + ((guests - guestsBefore) * VirtualCpus), after.Threads);
    }

    /// <summary>Who was killed starts again under its name, with the journals that it left, as a supervisor of services would
    /// have it; then every host settles what it finds, and the guest runs unless no copy of it may.</summary>
    private async Task<Ending> RecoverAsync(Ending ending, CellFacts facts)
    {
        _source = ending.Source == "dead" ? _restarted ?? await _arena.StartAsync(_source.Name) : _source;
        _destination = ending.Destination == "dead" ? _restarted ?? await _arena.StartAsync(_destination.Name) : _destination;
        HostRecovered destination = await _destination.AskAsync<HostRecovered>("recover", "recovered");
        HostRecovered source = await _source.AskAsync<HostRecovered>("recover", "recovered");

        // What the source did may be what the destination had waited for.
        bool waited = destination.Guest == "held";
        destination = waited ? await _destination.AskAsync<HostRecovered>("recover", "recovered") : destination;
        source = waited && source.Guest == "held" ? await _source.AskAsync<HostRecovered>("recover", "recovered") : source;

        Ending recovered = new(source.Guest, destination.Guest);
        (OwnershipRecord record, OwnershipMark mark) = await _arena.RecordAsync();
        Assert.Equal(Oracle.Recovered(ending, facts), recovered);

        bool isLost = new[] { _settledAtOnce, source, destination }.Any(r => r?.Has("Lost") == true);

        // A guest that ran at the destination and died there with it is lost, too; not even the destination may know how far it
        // had come.
        bool ranAndDied = mark == OwnershipMark.Running || (mark == OwnershipMark.Resuming && destination.Has("Held"));
        Assert.True(isLost ? recovered == Ending.Nowhere : recovered != Ending.Nowhere || ranAndDied, $"source {source}, destination {destination}");
        await CheckGuestAsync(_source, recovered.Source, record, mark);
        await CheckGuestAsync(_destination, recovered.Destination, record, mark);
        CheckLeftovers(recovered);
        _arena.CheckEffects();
        return recovered;
    }

    /// <summary>Wherever the guest runs, it can be moved again, and arrives whole.</summary>
    private async Task MoveAgainAsync(bool back)
    {
        (FaultProcess from, FaultProcess to) = back ? (_destination, _source) : (_source, _destination);
        ulong epoch = (await _arena.RecordAsync()).Record.Epoch;
        HostResult source, destination;
        int attempt = 0;
        do
        {
            (int fromMark, int toMark) = (from.Mark(), to.Mark());
            to.Tell("receive");
            from.Tell($"migrate {_arena.ProxyTo(to).EndPoint}");
            source = await from.NextAsync<HostResult>("result", fromMark);
            destination = await to.NextAsync<HostResult>("result", toMark);
        }
        while (source is { FailureKind: "Timeout", Guest: "running" } && ++attempt < MaxAttempts);

        Assert.True(source.Outcome == "Completed", source.Message);
        Assert.True(source.Epoch > epoch);
        Assert.Equal(("none", true), (source.Guest, source.Identical));
        Assert.Equal(("Completed", "running", source.Epoch), (destination.Outcome, destination.Guest, destination.Epoch));
        HostVerified verified = await to.AskAsync<HostVerified>("verify", "verified");
        Assert.True(verified.IsConsistent, verified.Finding);
        Assert.True(verified.RanOn);
    }
}

/// <summary>A cell failed: which, why, and what every host had said.</summary>
internal sealed class CellException(Cell cell, IEnumerable<FaultProcess> hosts, Exception cause)
    : Exception($"{cell}: {cause.Message}\n{string.Join('\n', hosts.Select(host => host.Transcript))}", cause);
