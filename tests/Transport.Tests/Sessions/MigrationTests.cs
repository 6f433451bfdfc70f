using PageEngine.Compression;
using PageEngine.EmbeddedGuest;
using PageEngine.Memory;
using PageEngine.Ownership;
using PageEngine.Planning;
using PageEngine.Reporting;
using PageEngine.Tracing;
using Xunit;

namespace PageEngine.Transport.Tests.Sessions;

public sealed class SocketMigrationTests : MigrationTests
{
    private protected override TestEdge OpenEdge() => new SocketEdge();
}

public sealed class PipeMigrationTests : MigrationTests
{
    private protected override TestEdge OpenEdge() => new PipeEdge();
}

public sealed class StreamMigrationTests : MigrationTests
{
    private protected override TestEdge OpenEdge() => new StreamEdge();
}

/// <summary>Whole migrations of a guest that can prove itself, over one edge.</summary>
public abstract class MigrationTests
{
    private static readonly string[] Workloads = ["idle", "hot:2MiB@40MiB/s", "uniform@10MiB/s", "zipf:0.99@20MiB/s", "seq@10MiB/s"];

    private protected abstract TestEdge OpenEdge();

    internal static VerifiableGuest Build(GuestOffer offer) => VerifiableGuest.FromDescription(offer.GuestId, offer.Description, offer.Layout);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public async Task A_running_guest_moves_and_nothing_is_lost(int seed)
    {
        var random = new Random(seed);
        int streams = 1 + ((seed - 1) % 4);
        int fill = random.Next(3) * 50;
        bool verify = random.Next(4) != 0;
        await using TestEdge edge = OpenEdge();
        var destination = new MigrationDestination(Build);
        Task<DestinationResult> receiving = destination.ReceiveAsync(edge);
        using GuestAtHost host = await GuestAtHost.StartAsync(
            Workloads[seed % Workloads.Length], 16 << random.Next(2), seed % 2 == 0 ? WriteTracerKind.Auto : WriteTracerKind.Explicit,
            fill, regions: 1 << random.Next(3), seed: (ulong)seed);
        long pages = host.Guest.Memory.PageCount;

        MigrationReport report = await host.MigrateAsync(edge, new MigrationSourceOptions { Streams = streams, Verify = verify });
        long operationsAtEnd = host.Guest.Operations;
        DestinationResult result = await receiving;

        Assert.Null(report.Failure);
        Assert.Null(result.Report.Failure);
        Assert.Equal((MigrationOutcome.Completed, MigrationOutcome.Completed), (report.Outcome, result.Report.Outcome));
        Assert.Equal(report.MigrationId, result.Report.MigrationId);
        Assert.Equal((2UL, 2UL), (report.Epoch, result.Report.Epoch));
        Assert.Equal((streams, streams), (report.Streams, result.Report.Streams));
        Assert.Equal(verify, report.Memory is not null);
        Assert.True(report.Memory?.Identical ?? true);
        Assert.Equal(report.Memory, result.Report.Memory);
        CheckRounds(report, pages);
        if (fill < 100)
        {
            Assert.True(report.Rounds[0].ZeroPages > 0);
        }

        using var moved = (VerifiableGuest)result.Guest!;
        Assert.Equal(2UL, moved.Epoch);
        await GuestAtHost.AssertRunsAndIsConsistentAsync(moved);
        Assert.True(moved.Operations > operationsAtEnd);
        Assert.Equal(operationsAtEnd, host.Guest.Operations);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await host.Guest.ResumeAsync(9, default));
    }

    [Theory]
    [InlineData(PageCompression.None, 64, 0)]
    [InlineData(PageCompression.Lz4, 64, 0)]
    [InlineData(PageCompression.Zstd, 1, 0)]
    [InlineData(PageCompression.Auto, 64, 30)]
    public async Task A_guest_moves_whatever_the_form_of_its_pages(PageCompression compression, int cacheMiB, int capMiB)
    {
        await using TestEdge edge = OpenEdge();
        var destination = new MigrationDestination(Build);
        Task<DestinationResult> receiving = destination.ReceiveAsync(edge);
        using GuestAtHost host = await GuestAtHost.StartAsync("hot:2MiB@40MiB/s", 16, WriteTracerKind.Auto, fillPercent: 70);
        MigrationReport report = await host.MigrateAsync(edge, new MigrationSourceOptions
        {
            Compression = compression,
            PageCacheBytes = (long)cacheMiB << 20,
            BandwidthBytesPerSecond = (long)capMiB << 20,
            Streams = 2,
            Verify = true,
            Policy = new RoundLimitPolicy(5),
        });
        DestinationResult result = await receiving;
        Assert.Null(report.Failure);
        Assert.True(report.Memory!.Identical);
        using var moved = (VerifiableGuest)result.Guest!;
        await GuestAtHost.AssertRunsAndIsConsistentAsync(moved);

        EncodingReport encoding = report.Encoding;
        if (compression != PageCompression.Auto)
        {
            Assert.Equal(compression == PageCompression.Lz4, encoding.Lz4Pages > 0);
            Assert.Equal(compression == PageCompression.Zstd, encoding.ZstdPages > 0);
        }

        Assert.True(encoding.SavedBytes >= (compression is PageCompression.Lz4 or PageCompression.Zstd ? 1 : 0) && encoding.EncodingTime > TimeSpan.Zero);
        Assert.All(report.Rounds, r => Assert.InRange(r.SentPages + r.ZeroPages, 0, r.DirtyPages));
        Assert.True(encoding.UnchangedPages >= report.Rounds.Sum(r => r.DirtyPages - r.SentPages - r.ZeroPages));
    }

    [Fact]
    public async Task A_memory_file_full_of_another_guests_bytes_ends_identical()
    {
        string path = Path.Combine("/dev/shm", $"pageengine-test-{Guid.NewGuid():N}");
        byte[] stale = new byte[16 << 20];
        new Random(7).NextBytes(stale);
        await File.WriteAllBytesAsync(path, stale);
        try
        {
            await using TestEdge edge = OpenEdge();
            var destination = new MigrationDestination(offer => VerifiableGuest.FromDescription(
                offer.GuestId, offer.Description, offer.Layout,
                allocate: layout => new GuestMemory([GuestMemoryRegion.File(new GuestAddress(0), path, layout.Bytes)])));
            Task<DestinationResult> receiving = destination.ReceiveAsync(edge);

            // Half of the guest's pages are holes: zero, and nothing but the rule for stale pages makes them so over there.
            using GuestAtHost host = await GuestAtHost.StartAsync("hot:2MiB@40MiB/s", 16, WriteTracerKind.Auto, fillPercent: 50);
            MigrationReport report = await host.MigrateAsync(edge, new MigrationSourceOptions { Verify = true });
            DestinationResult result = await receiving;
            Assert.Null(report.Failure);
            Assert.True(report.Rounds[0].ZeroPages > 0);
            Assert.True(report.Memory!.Identical);
            using var moved = (VerifiableGuest)result.Guest!;
            await GuestAtHost.AssertRunsAndIsConsistentAsync(moved);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task A_guest_moves_back_and_forth_under_growing_epochs()
    {
        var store = new TestOwnershipStore();
        await using TestEdge edge = OpenEdge();
        GuestAtHost host = await GuestAtHost.StartAsync(store: store);
        Guid id = host.Guest.Id;
        for (ulong epoch = 2; epoch <= 4; epoch++)
        {
            Task<DestinationResult> receiving = new MigrationDestination(Build, new MigrationDestinationOptions { OwnershipStore = store }).ReceiveAsync(edge);
            MigrationReport report = await host.MigrateAsync(edge, new MigrationSourceOptions { Verify = true });
            DestinationResult result = await receiving;
            Assert.Null(report.Failure);
            Assert.Null(result.Report.Failure);
            Assert.True(report.Memory!.Identical);
            Assert.Equal(epoch, result.Ownership!.Epoch);
            host.Dispose();
            host = new GuestAtHost((VerifiableGuest)result.Guest!, epoch % 2 == 0 ? WriteTracerKind.Auto : WriteTracerKind.Explicit, result.Ownership);
            await host.AssertRunsAndIsConsistentAsync();
            Assert.Equal((int)epoch, store.RecordsOf(id).Count);
            Assert.Equal(result.Ownership.Run, store.RecordsOf(id)[^1].Holder);
            Assert.Equal([OwnershipMark.Resuming, OwnershipMark.Running], store.MarksOf(id, epoch));
        }

        Assert.Equal(4, store.RecordsOf(id).Select(r => r.Holder).Distinct().Count());
        Assert.Equal(1, store.Guests);
        host.Dispose();
    }

    private static void CheckRounds(MigrationReport report, long pages)
    {
        Assert.NotEmpty(report.Rounds);
        Assert.Equal(pages, report.Rounds[0].DirtyPages);
        for (int i = 0; i < report.Rounds.Count; i++)
        {
            RoundStatistics round = report.Rounds[i];
            Assert.Equal(i, round.Index);
            if (report.Encoding.SavedBytes == 0)
            {
                Assert.Equal(round.DirtyPages, round.SentPages + round.ZeroPages);
                Assert.True(round.WireBytes > round.SentPages * 4096);
            }

            Assert.InRange(round.SentPages + round.ZeroPages, 0, round.DirtyPages);
            Assert.InRange(round.DirtiedPages, 0, pages);
        }

        Assert.True(report.WireBytes > report.Rounds.Sum(r => r.WireBytes));

        // Each part is cut to a tick of its own.
        Assert.InRange((report.Switchover!.Actual - report.Switchover.Parts.Total).Ticks, 0, 16);
        Assert.InRange(report.Switchover.RemainingPages, 0, pages);
    }
}
