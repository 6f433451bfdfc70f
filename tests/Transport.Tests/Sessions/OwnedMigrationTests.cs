using PageEngine.EmbeddedGuest;
using PageEngine.Ownership;
using PageEngine.Reporting;
using Xunit;

namespace PageEngine.Transport.Tests.Sessions;

public class OwnedMigrationTests
{
    [Fact]
    public async Task A_migration_creates_one_epoch_and_marks_it()
    {
        var store = new TestOwnershipStore();
        await using var edge = new SocketEdge();
        using GuestAtHost host = await GuestAtHost.StartAsync(store: store);
        Task<DestinationResult> receiving = new MigrationDestination(MigrationTests.Build, new MigrationDestinationOptions { OwnershipStore = store }).ReceiveAsync(edge);
        MigrationReport report = await host.MigrateAsync(edge);
        DestinationResult result = await receiving;
        Assert.Null(report.Failure);
        using var moved = (VerifiableGuest)result.Guest!;
        IReadOnlyList<OwnershipRecord> records = store.RecordsOf(moved.Id);
        Assert.Equal([1UL, 2UL], records.Select(r => r.Epoch));
        Assert.Equal([host.Ownership!.Run, result.Ownership!.Run], records.Select(r => r.Holder));
        Assert.NotEqual(default, records[1].Attempt);
        Assert.Equal([OwnershipMark.Resuming, OwnershipMark.Running], store.MarksOf(moved.Id, 2));
        Assert.Equal(1, store.Guests);
        Assert.Equal(0, store.Nonces);
    }

    [Fact]
    public async Task Guards_are_raised_before_the_guest_runs_under_the_new_epoch()
    {
        var raised = new List<(Guid Guest, ulong Epoch, ulong EpochThen)>();
        VerifiableGuest? shadow = null;
        await using var edge = new PipeEdge();
        using GuestAtHost host = await GuestAtHost.StartAsync();
        Task<DestinationResult> receiving = new MigrationDestination(offer => shadow = MigrationTests.Build(offer), new MigrationDestinationOptions
        {
            RaiseGuards = (guest, epoch, _) =>
            {
                raised.Add((guest, epoch, shadow!.Epoch));
                return ValueTask.CompletedTask;
            },
        }).ReceiveAsync(edge);
        Assert.Null((await host.MigrateAsync(edge)).Failure);
        using var moved = (VerifiableGuest)(await receiving).Guest!;
        Assert.Equal([(moved.Id, 2UL, 1UL)], raised);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task Sides_with_different_stores_do_not_begin(bool atSource, bool atDestination)
    {
        TestOwnershipStore? mine = atSource ? new TestOwnershipStore() : null;
        TestOwnershipStore? other = atDestination ? new TestOwnershipStore() : null;
        await using var edge = new PipeEdge();
        using GuestAtHost host = await GuestAtHost.StartAsync(store: mine);
        int built = 0;
        Task<DestinationResult> receiving = new MigrationDestination(
            offer =>
            {
                built++;
                return MigrationTests.Build(offer);
            },
            new MigrationDestinationOptions { OwnershipStore = other }).ReceiveAsync(edge);
        MigrationReport report = await host.MigrateAsync(edge);
        DestinationResult result = await receiving;
        Assert.Equal(MigrationErrorKind.OwnershipFailed, report.Failure!.Kind);
        Assert.Equal(MigrationErrorKind.OwnershipFailed, result.Report.Failure!.Kind);
        Assert.Equal(0, built);
        await host.AssertRunsAndIsConsistentAsync();
    }

    [Fact]
    public async Task A_source_that_the_record_does_not_name_does_not_begin()
    {
        var store = new TestOwnershipStore();
        await using var edge = new PipeEdge();
        using GuestAtHost host = await GuestAtHost.StartAsync(store: store);
        await store.CreateAsync(new OwnershipRecord(host.Guest.Id, 2, RunId.NewRandom(), default), default);
        MigrationReport report = await host.MigrateAsync(edge);
        Assert.Equal(MigrationErrorKind.OwnershipFailed, report.Failure!.Kind);
        Assert.Equal(MigrationOutcome.Failed, report.Outcome);
    }
}
