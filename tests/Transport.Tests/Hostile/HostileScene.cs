using PageEngine.Compression;
using PageEngine.Guests;
using PageEngine.Memory;
using PageEngine.Ownership;
using PageEngine.Planning;
using PageEngine.Reporting;
using PageEngine.Tracing;
using PageEngine.Transport.Tests.Sessions;
using Xunit;

namespace PageEngine.Transport.Tests.Hostile;

// Owns: one whole migration with somebody in the middle, and what must hold for its guest whatever he did.

/// <summary>Both real sides, a small guest, short timers.</summary>
internal sealed class HostileScene : IAsyncDisposable
{
    private static readonly TimeSpan _never = TimeSpan.FromMinutes(2);
    private readonly RunWatch _watch = new();
    private readonly List<WatchedGuest> _shadows = [];
    private readonly WatchedGuest _guest;
    private readonly MutatingEdge _edge;
    private readonly MemoryOwnershipStore? _store;
    private readonly PageCompression _compression;
    private readonly double _patience;

    /// <param name="deliver">What the one in the middle does.</param>
    /// <param name="hasStore">Whether there is an ownership store.</param>
    /// <param name="compression">How pages are made smaller.</param>
    /// <param name="isUnharmed">Whether the migration must complete, however busy the machine is; else timers are short.</param>
    internal HostileScene(Delivering deliver, bool hasStore, PageCompression compression = PageCompression.None, bool isUnharmed = false)
    {
        _compression = compression;
        _patience = isUnharmed ? 15 : 1;
        var layout = new MemoryLayout([new MemoryLayoutRegion(new GuestAddress(0), 16), new MemoryLayoutRegion(new GuestAddress(1 << 20), 16)]);
        _guest = new WatchedGuest(Guid.NewGuid(), layout, new GuestDescription("watched", new byte[] { 1, 2, 3 }), _watch);
        for (int page = 0; page < 8; page++)
        {
            _guest.Memory.Page(page * 4).Fill((byte)(page + 1));
        }

        _edge = new MutatingEdge(deliver);
        _store = hasStore ? new MemoryOwnershipStore() : null;
    }

    internal MigrationReport Report { get; private set; } = null!;

    internal DestinationResult Result { get; private set; } = null!;

    internal async Task RunAsync()
    {
        GuestOwnership? ownership = _store is null ? null : await GuestOwnership.ClaimAsync(_store, _guest.Id);
        await _guest.ResumeAsync(1, default);
        using var tracer = new ExplicitWriteTracer(_guest.Memory);
        using var stop = new CancellationTokenSource();
        Task<DestinationResult> receiving = new MigrationDestination(Build, new MigrationDestinationOptions
        {
            OwnershipStore = _store,
            MaxMemoryBytes = 1 << 20,
            MaxStreams = 2,
            StartTimeout = TimeSpan.FromSeconds(2 * _patience),
            NetworkTimeout = TimeSpan.FromSeconds(3 * _patience),
            ClaimTimeout = TimeSpan.FromSeconds(1 * _patience),
        }).ReceiveAsync(_edge, stop.Token);
        Report = await new MigrationSource(_guest, tracer, new MigrationSourceOptions
        {
            Ownership = ownership,
            Streams = 1,
            Verify = true,
            Compression = _compression,
            StartTimeout = TimeSpan.FromSeconds(2 * _patience),
            NetworkTimeout = TimeSpan.FromSeconds(3 * _patience),
            ResumeTimeout = TimeSpan.FromMilliseconds(800 * _patience),
            StallTimeout = TimeSpan.FromSeconds(3 * _patience),
            Policy = new ScriptedPolicy(state =>
            {
                _guest.Memory.Page(3)[100 * state.Rounds.Count] = 1; // where pages are compared, a difference
                tracer.MarkDirty(3);
                return new MigrationDecision(state.Rounds.Count < 3 ? DecisionKind.NextRound : DecisionKind.SwitchOver, "as the test wants it");
            }),
        }).MigrateAsync(_edge).WaitAsync(_never);

        // A peer may ask for a wait of up to a day: the one who stands at the destination ends it.
        if (await Task.WhenAny(receiving, Task.Delay(TimeSpan.FromSeconds(6 * _patience), CancellationToken.None)) != receiving)
        {
            await stop.CancelAsync();
        }

        Result = await receiving.WaitAsync(_never);
    }

    /// <summary>Whatever was said: no engine bug shows, and one copy at most runs, the one that both sides name.</summary>
    internal void AssertUnharmed(string which)
    {
        Assert.False(_watch.RanTwice, $"{which}: two copies ran");
        foreach (MigrationFailure? failure in new[] { Report.Failure, Result.Report.Failure })
        {
            Assert.False(
                failure?.Kind == MigrationErrorKind.Internal && !failure.ReportedByPeer,
                $"{which}: {failure}");
        }

        WatchedGuest? moved = (WatchedGuest?)Result.Guest;
        Assert.All(_shadows, s => Assert.True(s.IsDisposed || ReferenceEquals(s, moved), $"{which}: a shadow stays behind"));
        if (Report.Failure?.Guest == GuestWhereabouts.RunningAtSource)
        {
            Assert.True(_guest.Runs, $"{which}: the source says that its guest runs: {Report.Failure}");
        }

        if (Report.Outcome == MigrationOutcome.Completed)
        {
            Assert.True(!_guest.Runs && moved is not null, $"{which}: completed");
        }

        bool held = Report.Failure?.Guest == GuestWhereabouts.Held || Result.Report.Failure?.Guest == GuestWhereabouts.Held;
        Assert.True(
            _guest.Runs || (moved?.Runs ?? false) || held,
            $"{which}: nobody runs and nobody holds: {Report.Outcome} {Report.Failure}; {Result.Report.Outcome} {Result.Report.Failure}");
    }

    public async ValueTask DisposeAsync()
    {
        await _edge.DisposeAsync();
        foreach (WatchedGuest shadow in _shadows)
        {
            shadow.Dispose();
        }

        _guest.Dispose();
    }

    private WatchedGuest Build(GuestOffer offer)
    {
        var guest = new WatchedGuest(offer.GuestId, offer.Layout, offer.Description, _watch);
        _shadows.Add(guest);
        return guest;
    }
}
