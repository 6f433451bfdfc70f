using PageEngine.EmbeddedGuest;
using PageEngine.Guests;
using PageEngine.Ownership;
using PageEngine.Planning;
using PageEngine.Reporting;
using Xunit;

namespace PageEngine.Transport.Tests.Sessions;

[CollectionDefinition(nameof(RunsAlone), DisableParallelization = true)]
public sealed class RunsAlone;

// Alone: one of these tests counts the threads and descriptors of the process.
[Collection(nameof(RunsAlone))]
public sealed class FailedSocketMigrationTests : FailedMigrationTests
{
    private protected override TestEdge OpenEdge() => new SocketEdge();
}

[Collection(nameof(RunsAlone))]
public sealed class FailedPipeMigrationTests : FailedMigrationTests
{
    private protected override TestEdge OpenEdge() => new PipeEdge();
}

/// <summary>Migrations that end early: the guest runs on at the source, and nothing stays behind.</summary>
public abstract class FailedMigrationTests
{
    private const long SlowBytesPerSecond = 8 << 20;

    private protected abstract TestEdge OpenEdge();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_cancelled_migration_leaves_the_guest_running_and_can_be_repeated(bool betweenRounds)
    {
        await using TestEdge edge = OpenEdge();
        using GuestAtHost host = await GuestAtHost.StartAsync();
        using var cancel = new CancellationTokenSource();
        var shadows = new List<VerifiableGuest>();
        var destination = new MigrationDestination(offer => Remember(shadows, MigrationTests.Build(offer)));
        Task<DestinationResult> receiving = destination.ReceiveAsync(edge);
        MigrationSourceOptions options = betweenRounds
            ? new MigrationSourceOptions { Policy = new ScriptedPolicy(state => Cancelling(cancel, state.Rounds.Count == 2)) }
            : new MigrationSourceOptions { BandwidthBytesPerSecond = SlowBytesPerSecond, Progress = new OnFirst(p => p.WireBytes >= 0 && p.Phase == MigrationPhase.PreCopy, cancel.Cancel) };

        MigrationReport report = await host.MigrateAsync(edge, options, cancel.Token);
        DestinationResult result = await receiving;

        Assert.Equal(MigrationOutcome.Cancelled, report.Outcome);
        Assert.Equal(GuestWhereabouts.RunningAtSource, report.Failure!.Guest);
        Assert.Contains("cancel", result.Report.Failure!.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Null(result.Guest);
        Assert.Null(result.Ownership);
        Assert.All(shadows, s => Assert.True(s.Memory.Regions[0].IsDisposed));
        Assert.Single(shadows);
        await host.AssertRunsAndIsConsistentAsync();

        receiving = destination.ReceiveAsync(edge);
        report = await host.MigrateAsync(edge, new MigrationSourceOptions { Verify = true });
        result = await receiving;
        Assert.Null(report.Failure);
        Assert.True(report.Memory!.Identical);
        using var moved = (VerifiableGuest)result.Guest!;
        await GuestAtHost.AssertRunsAndIsConsistentAsync(moved);
    }

    [Fact]
    public async Task A_destination_that_is_stopped_tells_the_source_why()
    {
        await using TestEdge edge = OpenEdge();
        using GuestAtHost host = await GuestAtHost.StartAsync();
        using var stop = new CancellationTokenSource();
        Task<DestinationResult> receiving = new MigrationDestination(MigrationTests.Build).ReceiveAsync(edge, stop.Token);
        MigrationReport report = await host.MigrateAsync(edge, new MigrationSourceOptions
        {
            Policy = new ScriptedPolicy(state => Cancelling(stop, true)),
        });
        DestinationResult result = await receiving;
        Assert.Equal(MigrationOutcome.Cancelled, result.Report.Outcome);
        Assert.NotEqual(MigrationOutcome.Completed, report.Outcome);
        Assert.Contains("The peer reports", report.Failure!.Message, StringComparison.Ordinal);
        await host.AssertRunsAndIsConsistentAsync();
    }

    [Fact]
    public async Task A_destination_that_refuses_is_quoted_at_the_source()
    {
        await using TestEdge edge = OpenEdge();
        using GuestAtHost host = await GuestAtHost.StartAsync();
        var destination = new MigrationDestination(_ => throw new MigrationException(MigrationErrorKind.Refused, "No room for this guest."));
        Task<DestinationResult> receiving = destination.ReceiveAsync(edge);
        MigrationReport report = await host.MigrateAsync(edge);
        Assert.Equal(MigrationErrorKind.Refused, report.Failure!.Kind);
        Assert.Contains("No room for this guest.", report.Failure.Message, StringComparison.Ordinal);
        Assert.Equal(MigrationErrorKind.Refused, (await receiving).Report.Failure!.Kind);
        await host.AssertRunsAndIsConsistentAsync();
    }

    [Fact]
    public async Task A_factory_that_fails_or_builds_another_guest_is_a_refusal_and_frees_what_it_built()
    {
        await using TestEdge edge = OpenEdge();
        using GuestAtHost host = await GuestAtHost.StartAsync();
        var shadows = new List<VerifiableGuest>();
        Func<GuestOffer, IGuest>[] factories =
        [
            _ => throw new InvalidOperationException("the host is being drained"),
            offer => Remember(shadows, VerifiableGuest.FromDescription(Guid.NewGuid(), offer.Description, offer.Layout)),
        ];
        foreach (Func<GuestOffer, IGuest> factory in factories)
        {
            Task<DestinationResult> receiving = new MigrationDestination(factory).ReceiveAsync(edge);
            MigrationReport report = await host.MigrateAsync(edge);
            Assert.Equal(MigrationErrorKind.Refused, report.Failure!.Kind);
            Assert.Equal(MigrationErrorKind.Refused, (await receiving).Report.Failure!.Kind);
        }

        Assert.True(Assert.Single(shadows).Memory.Regions[0].IsDisposed);
        await host.AssertRunsAndIsConsistentAsync();
    }

    [Fact]
    public async Task A_second_source_is_refused_and_the_first_is_not_disturbed()
    {
        await using TestEdge edge = OpenEdge();
        using GuestAtHost first = await GuestAtHost.StartAsync();
        using GuestAtHost second = await GuestAtHost.StartAsync();
        Task<DestinationResult> receiving = new MigrationDestination(MigrationTests.Build).ReceiveAsync(edge);
        var underWay = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var goOn = new ManualResetEventSlim();
        Task<MigrationReport> moving = first.MigrateAsync(edge, new MigrationSourceOptions
        {
            Policy = new ScriptedPolicy(_ =>
            {
                underWay.TrySetResult();
                goOn.Wait(TimeSpan.FromSeconds(30));
                return new MigrationDecision(DecisionKind.SwitchOver, "enough");
            }),
        });
        await underWay.Task;
        MigrationReport refused = await second.MigrateAsync(edge);
        goOn.Set();
        MigrationReport report = await moving;
        Assert.Equal(MigrationErrorKind.Refused, refused.Failure!.Kind);
        Assert.Contains("another migration", refused.Failure.Message, StringComparison.Ordinal);
        Assert.Null(report.Failure);
        ((VerifiableGuest)(await receiving).Guest!).Dispose();
        await second.AssertRunsAndIsConsistentAsync();
    }

    [Fact]
    public async Task A_policy_that_gives_up_or_fails_leaves_the_guest_running()
    {
        await using TestEdge edge = OpenEdge();
        using GuestAtHost host = await GuestAtHost.StartAsync();
        (Func<PlanningState, MigrationDecision> Decide, MigrationErrorKind Kind)[] cases =
        [
            (_ => new MigrationDecision(DecisionKind.GiveUp, "it does not converge"), MigrationErrorKind.NotConverging),
            (_ => new MigrationDecision(DecisionKind.GiveUp, "too long", Error: MigrationErrorKind.AbortTimeReached), MigrationErrorKind.AbortTimeReached),
            (_ => new MigrationDecision(DecisionKind.PostCopy, "later"), MigrationErrorKind.Internal),
            (_ => throw new InvalidOperationException("a bug in a policy"), MigrationErrorKind.Internal),
        ];
        foreach ((Func<PlanningState, MigrationDecision> decide, MigrationErrorKind kind) in cases)
        {
            Task<DestinationResult> receiving = new MigrationDestination(MigrationTests.Build).ReceiveAsync(edge);
            MigrationReport report = await host.MigrateAsync(edge, new MigrationSourceOptions { Policy = new ScriptedPolicy(decide) });
            DestinationResult result = await receiving;
            Assert.Equal((MigrationOutcome.Failed, kind), (report.Outcome, report.Failure!.Kind));
            Assert.Equal(kind, result.Report.Failure!.Kind);
            Assert.Equal(GuestWhereabouts.RunningAtSource, report.Failure.Guest);
            await host.AssertRunsAndIsConsistentAsync();
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_peer_that_is_lost_in_a_round_costs_the_migration_and_nothing_else(bool sourceIsLost)
    {
        await using TestEdge edge = OpenEdge();
        using GuestAtHost host = await GuestAtHost.StartAsync();
        await MoveAndCutAsync(edge, host, sourceIsLost);
        (int threads, int descriptors) = Resources();
        await MoveAndCutAsync(edge, host, sourceIsLost);
        await MoveAndCutAsync(edge, host, sourceIsLost);

        // The pool's own threads come and go: what a migration leaves behind would be more, each time.
        await Eventually.HoldsAsync(() => Resources().Threads <= threads + 3, "threads stay behind");
        await Eventually.HoldsAsync(() => Resources().Descriptors <= descriptors, "descriptors stay behind");
        await host.AssertRunsAndIsConsistentAsync();
    }

    [Fact]
    public async Task A_connector_that_throws_is_a_lost_connection()
    {
        await using TestEdge edge = OpenEdge();
        using GuestAtHost host = await GuestAtHost.StartAsync();
        foreach (ConnectionPurpose at in new[] { ConnectionPurpose.Control, ConnectionPurpose.Pages })
        {
            using var stop = new CancellationTokenSource();
            Task<DestinationResult> receiving = new MigrationDestination(MigrationTests.Build).ReceiveAsync(edge, stop.Token);
            edge.BeforeConnect = purpose =>
            {
                if (purpose == at)
                {
                    throw new NotSupportedException("no route");
                }
            };
            MigrationReport report = await host.MigrateAsync(edge);
            Assert.Equal(MigrationErrorKind.ConnectionLost, report.Failure!.Kind);
            Assert.Contains("no route", report.Failure.Message, StringComparison.Ordinal);
            await stop.CancelAsync();
            Assert.NotNull((await receiving).Report.Failure);
        }

        await host.AssertRunsAndIsConsistentAsync();
    }

    private static async Task MoveAndCutAsync(TestEdge edge, GuestAtHost host, bool sourceIsLost)
    {
        var shadows = new List<VerifiableGuest>();
        Task<DestinationResult> receiving = new MigrationDestination(offer => Remember(shadows, MigrationTests.Build(offer))).ReceiveAsync(edge);
        MigrationReport report = await host.MigrateAsync(edge, new MigrationSourceOptions
        {
            Streams = 2,
            BandwidthBytesPerSecond = SlowBytesPerSecond,
            Progress = new OnFirst(p => p.Phase == MigrationPhase.PreCopy && p.Round == 0, () =>
            {
                if (sourceIsLost)
                {
                    edge.CutAtSource();
                }
                else
                {
                    edge.CutAtDestination();
                }
            }),
        });
        DestinationResult result = await receiving;
        Assert.Equal(MigrationErrorKind.ConnectionLost, report.Failure!.Kind);
        Assert.Equal(MigrationErrorKind.ConnectionLost, result.Report.Failure!.Kind);
        Assert.Equal(GuestWhereabouts.RunningAtSource, report.Failure.Guest);
        Assert.Equal(MigrationPhase.PreCopy, report.Failure.Phase);
        Assert.Contains("connection", report.Failure.Message, StringComparison.OrdinalIgnoreCase);
        Assert.All(shadows, s => Assert.True(s.Memory.Regions[0].IsDisposed));
        Assert.Single(shadows);
    }

    private static (int Threads, int Descriptors) Resources() =>
        (Directory.GetDirectories("/proc/self/task").Length, Directory.GetFiles("/proc/self/fd").Length);

    private static VerifiableGuest Remember(List<VerifiableGuest> shadows, VerifiableGuest guest)
    {
        shadows.Add(guest);
        return guest;
    }

    private static MigrationDecision Cancelling(CancellationTokenSource cancel, bool now)
    {
        if (now)
        {
            cancel.Cancel();
        }

        return new MigrationDecision(DecisionKind.NextRound, "on and on");
    }
}

internal sealed class ScriptedPolicy(Func<PlanningState, MigrationDecision> decide) : IMigrationPolicy
{
    public MigrationDecision Decide(PlanningState state) => decide(state);
}

/// <summary>Does something once, at the first progress that fits.</summary>
internal sealed class OnFirst(Func<MigrationProgress, bool> fits, Action action) : IProgress<MigrationProgress>
{
    private int _done;

    public void Report(MigrationProgress value)
    {
        if (fits(value) && Interlocked.Exchange(ref _done, 1) == 0)
        {
            _ = Task.Run(action);
        }
    }
}
