using System.Net;
using PageEngine.EmbeddedGuest.Fencing;
using PageEngine.Ownership;
using PageEngine.Reporting;
using PageEngine.Tracing;
using PageEngine.Transport;
using Xunit;

namespace PageEngine.EmbeddedGuest.Tests.Fencing;

public sealed class GuardedMigrationTests : IDisposable
{
    private readonly GuardFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Effects_are_whole_across_a_migration_and_a_zombie_is_refused()
    {
        await using EffectGuard guard = _folder.Start();
        using GuardedEffects atSource = new(guard.EndPoint, GuardFolder.Short);
        using GuardedEffects atDestination = new(guard.EndPoint, GuardFolder.Short);
        using VerifiableGuest source = GuestFixture.Guest("hot:512KiB@20MiB/s");
        (MigrationReport report, DestinationResult result) = await MigrateAsync(source, atSource, atDestination, atDestination.RaiseAsync);
        Assert.Equal(MigrationOutcome.Completed, report.Outcome);
        using var moved = (VerifiableGuest)result.Guest!;
        ulong then = moved.Effects;
        await GuardFolder.UntilAsync(() => moved.Effects > then + 5, "no effects at the destination");
        Assert.True(EffectLogAudit.Read(_folder.Log).IsGood);

        // The engine has ended the source's copy; one that was revived with its last state runs under the old epoch.
        await Assert.ThrowsAsync<InvalidOperationException>(() => source.ResumeAsync(1, CancellationToken.None).AsTask());
        using VerifiableGuest zombie = moved.Shadow();
        using GuardedEffects atZombie = new(guard.EndPoint, GuardFolder.Short);
        zombie.FillMemory();
        zombie.AttachEffects(atZombie);
        zombie.Resume(1);
        await GuardFolder.UntilAsync(() => zombie.IsFenced, "the zombie runs");
        long operations = Paused(zombie).Operations;
        then = moved.Effects;
        await GuardFolder.UntilAsync(() => moved.Effects > then + 5, "the owner's effects ended too");
        Assert.Equal(operations, zombie.Operations);
        Assert.Null(Paused(moved).Verify().FirstFinding);
        EffectLogAudit audit = EffectLogAudit.Read(_folder.Log);
        Assert.Equal(new EffectLogAudit(1, (long)moved.Effects, 0, 0, 0, 1), audit);
    }

    [Fact]
    public async Task Effects_are_whole_after_a_cancelled_migration()
    {
        await using EffectGuard guard = _folder.Start();
        using GuardedEffects atSource = new(guard.EndPoint, GuardFolder.Short);
        using GuardedEffects atDestination = new(guard.EndPoint, GuardFolder.Short);
        using VerifiableGuest source = GuestFixture.Guest("uniform@max", mebibytes: 16);
        using CancellationTokenSource cancel = new();
        Progress onSend = new(p => { if (p.Phase >= MigrationPhase.PreCopy) { cancel.Cancel(); } });
        (MigrationReport report, _) = await MigrateAsync(source, atSource, atDestination, atDestination.RaiseAsync, onSend, cancel.Token);
        Assert.Equal(MigrationOutcome.Cancelled, report.Outcome);
        await AssertRunsOnAsync(source);
    }

    [Fact]
    public async Task Effects_are_whole_after_a_hand_back_because_the_guard_could_not_be_raised()
    {
        await using EffectGuard guard = _folder.Start();
        using GuardedEffects atSource = new(guard.EndPoint, GuardFolder.Short);
        using GuardedEffects atDestination = new(guard.EndPoint, GuardFolder.Short);

        // Nobody listens on a port that was given back.
        EffectGuard gone = EffectGuard.Start(new IPEndPoint(IPAddress.Loopback, 0), _folder.Log + ".gone");
        await gone.DisposeAsync();
        using GuardedEffects unreachable = new(gone.EndPoint);
        using VerifiableGuest source = GuestFixture.Guest("hot:512KiB@20MiB/s");
        (MigrationReport report, _) = await MigrateAsync(source, atSource, atDestination, unreachable.RaiseAsync);
        Assert.Equal((MigrationOutcome.Failed, GuestWhereabouts.RunningAtSource), (report.Outcome, report.Failure!.Guest));
        Assert.True(source.Epoch > 1);
        await AssertRunsOnAsync(source);
    }

    private static VerifiableGuest Paused(VerifiableGuest guest)
    {
        guest.Pause();
        return guest;
    }

    private async Task AssertRunsOnAsync(VerifiableGuest guest)
    {
        ulong then = guest.Effects;
        await GuardFolder.UntilAsync(() => guest.Effects > then + 5, "no effects after the attempt");
        Assert.Null(Paused(guest).Verify().FirstFinding);
        Assert.Equal(new EffectLogAudit(1, (long)guest.Effects, 0, 0, 0, 0), EffectLogAudit.Read(_folder.Log));
    }

    private async Task<(MigrationReport Report, DestinationResult Result)> MigrateAsync(
        VerifiableGuest source,
        GuardedEffects atSource,
        GuardedEffects atDestination,
        Func<Guid, ulong, CancellationToken, ValueTask> raise,
        IProgress<MigrationProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        string directory = Directory.CreateDirectory(Path.Combine(_folder.Root, "ownership")).FullName;
        using FileOwnershipStore sourceStore = FileOwnershipStore.Open(directory);
        using FileOwnershipStore destinationStore = FileOwnershipStore.Open(directory);
        GuestOwnership ownership = await GuestOwnership.ClaimAsync(sourceStore, source.Id, CancellationToken.None);
        source.AttachEffects(atSource);
        using ExplicitWriteTracer tracer = new(source.Memory);
        source.AttachTracer(tracer);
        await atSource.RaiseAsync(source.Id, ownership.Epoch, CancellationToken.None);
        source.Resume(ownership.Epoch);
        await GuardFolder.UntilAsync(() => source.Effects > 5, "no effects at the source");
        using TcpAcceptor acceptor = new(new IPEndPoint(IPAddress.Loopback, 0), new TcpOptions());
        MigrationDestination destination = new(
            offer =>
            {
                VerifiableGuest shadow = VerifiableGuest.FromDescription(offer.GuestId, offer.Description, offer.Layout);
                shadow.AttachEffects(atDestination);
                return shadow;
            },
            new MigrationDestinationOptions { OwnershipStore = destinationStore, RaiseGuards = raise });
        Task<DestinationResult> receiving = destination.ReceiveAsync(acceptor, CancellationToken.None);
        MigrationSource migration = new(source, tracer, new MigrationSourceOptions { Ownership = ownership, Progress = progress });
        MigrationReport report = await migration.MigrateAsync(new TcpConnector(acceptor.LocalEndPoint, new TcpOptions()), cancellationToken);
        return (report, await receiving);
    }

    private sealed class Progress(Action<MigrationProgress> report) : IProgress<MigrationProgress>
    {
        public void Report(MigrationProgress value) => report(value);
    }
}
