using PageEngine.EmbeddedGuest;
using PageEngine.Guests;
using PageEngine.Ownership;
using PageEngine.Planning;
using PageEngine.Reporting;
using PageEngine.Tracing;
using PageEngine.Transport.Tests.Sessions;
using Xunit;

namespace PageEngine.Transport.Tests.Failures;

// Owns: one migration in this process whose every part can be made to fail, and what must hold afterwards whatever failed.

/// <summary>Both sides of a migration, a row of the failure table.</summary>
internal sealed class FailureScene : IAsyncDisposable
{
    private readonly List<FaultyGuest> _shadows = [];
    private readonly GuestAtHost _host;

    private FailureScene(GuestAtHost host, MemoryOwnershipStore store)
    {
        _host = host;
        Store = store;
        Guest = new FaultyGuest(host.Guest);
        Tracer = new FaultyTracer(host.Tracer);
        SourceStore = new FaultyStore(store, Guest.Id);
        DestinationStore = new FaultyStore(store, Guest.Id);
        Source = new MigrationSourceOptions
        {
            Policy = new ScriptedPolicy(Decide),
            Logger = SourceLog,
            MigrationId = 4711,
            Verify = true,
        };
        Destination = new MigrationDestinationOptions { Logger = DestinationLog };
    }

    internal BrokenEdge Edge { get; } = new();

    internal MemoryOwnershipStore Store { get; }

    internal FaultyGuest Guest { get; }

    internal FaultyTracer Tracer { get; }

    internal FaultyStore SourceStore { get; }

    internal FaultyStore DestinationStore { get; }

    internal KeptLog SourceLog { get; } = new();

    internal KeptLog DestinationLog { get; } = new();

    internal CancellationTokenSource CancelSource { get; } = new();

    internal CancellationTokenSource CancelDestination { get; } = new();

    internal MigrationSourceOptions Source { get; set; }

    internal MigrationDestinationOptions Destination { get; set; }

    /// <summary>Gets or sets whether both sides use the store.</summary>
    internal bool HasStore { get; set; } = true;

    /// <summary>Gets or sets whether the destination uses it where the source does.</summary>
    internal bool DestinationHasStore { get; set; } = true;

    /// <summary>Gets or sets whether anybody receives.</summary>
    internal bool Receives { get; set; } = true;

    /// <summary>Gets or sets what is done to a shadow when it is built.</summary>
    internal Action<FaultyGuest> Shadow { get; set; } = static _ => { };

    /// <summary>Gets or sets what happens between two rounds, with the number of the round that ended.</summary>
    internal Func<int, MigrationDecision?> AfterRound { get; set; } = static _ => null;

    internal MigrationReport Report { get; private set; } = null!;

    internal DestinationResult? Result { get; private set; }

    internal static async Task<FailureScene> CreateAsync()
    {
        var store = new MemoryOwnershipStore();
        return new FailureScene(await GuestAtHost.StartAsync(mebibytes: 4, workload: "hot:1MiB@10MiB/s", store: store), store);
    }

    internal async Task RunAsync()
    {
        var destination = new MigrationDestination(Build, Destination with { OwnershipStore = HasStore && DestinationHasStore ? DestinationStore : null });
        Task<DestinationResult> receiving = Receives
            ? destination.ReceiveAsync(Edge, CancelDestination.Token)
            : Task.FromResult<DestinationResult>(null!);
        GuestOwnership ownership = _host.Ownership! with { Store = HasStore ? SourceStore : null };
        Report = await new MigrationSource(Guest, Tracer, Source with { Ownership = ownership }).MigrateAsync(Edge, CancelSource.Token);
        if (!_shadowWasBuilt && Report.Failure is not null)
        {
            await Task.WhenAny(receiving, Task.Delay(TimeSpan.FromSeconds(2)));
            await CancelDestination.CancelAsync();
        }

        Result = await receiving;
    }

    private bool _shadowWasBuilt;

    /// <summary>Exactly the one who should run does, its guest is consistent, and nothing is left behind.</summary>
    internal async Task AssertRunsAsync(Runs where)
    {
        var moved = (FaultyGuest?)Result?.Guest;
        switch (where)
        {
            case Runs.AtSource:
                await GuestAtHost.AssertRunsAndIsConsistentAsync(Guest.Inner);
                break;
            case Runs.AtDestination:
                Assert.NotNull(moved);
                await GuestAtHost.AssertRunsAndIsConsistentAsync(moved.Inner);
                break;
        }

        foreach (FaultyGuest other in _shadows.Append(Guest).Where(guest => guest != (where == Runs.AtSource ? Guest : where == Runs.AtDestination ? moved : null)))
        {
            // A copy that was freed cannot run; one that is held must stand still.
            if (other.Memory.Regions[0].IsDisposed)
            {
                continue;
            }

            long before = other.Inner.Operations;
            await Task.Delay(30);
            Assert.Equal(before, other.Inner.Operations);
        }

        if (Tracer.Stops == 0)
        {
            Assert.DoesNotContain(SourceLog.Lines, line => line.Contains("The Monitor ended", StringComparison.Ordinal));
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (FaultyGuest shadow in _shadows)
        {
            shadow.Dispose();
        }

        _host.Dispose();
        await Edge.DisposeAsync();
        CancelSource.Dispose();
        CancelDestination.Dispose();
    }

    private FaultyGuest Build(GuestOffer offer)
    {
        var guest = new FaultyGuest(MigrationTests.Build(offer));
        _shadowWasBuilt = true;
        _shadows.Add(guest);
        Shadow(guest);
        return guest;
    }

    private MigrationDecision Decide(PlanningState state) =>
        AfterRound(state.Rounds.Count - 1)
            ?? new MigrationDecision(state.Rounds.Count < 2 ? DecisionKind.NextRound : DecisionKind.SwitchOver, "as the test wants it");
}

/// <summary>Who runs at the end.</summary>
internal enum Runs
{
    Nobody,
    AtSource,
    AtDestination,
}
