using PageEngine.Bitmaps;
using PageEngine.Memory;
using PageEngine.Streaming;
using PageEngine.Tests.Streaming;
using Xunit;

namespace PageEngine.Transport.Tests.Streams;

/// <summary>What every edge must do. Each edge runs these tests.</summary>
public abstract class PageStreamTests
{
    private protected const long Pages = 3000;
    private protected static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    private protected abstract Task<(MigrationConnection Source, MigrationConnection Destination)> ConnectAsync();

    private protected virtual ReadOnlyMemory<byte> Secret => default;

    private Task<StreamRig> StartAsync(GuestMemory source, GuestMemory destination, int streams = 1, BandwidthPacer? pacer = null) =>
        StreamRig.StartAsync(source, destination, streams, ConnectAsync, pacer, Secret);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public async Task Memories_are_identical_after_rounds(int streams)
    {
        using GuestMemory source = TestMemory.Of(5000, 1, 300);
        using GuestMemory destination = TestMemory.Of(5000, 1, 300);
        TestMemory.Fill(source, 1);
        for (long page = 0; page < source.PageCount; page++)
        {
            destination.Page(page).Fill(0xA5); // what another guest left behind
            if (page % 3 == 0)
            {
                source.Page(page).Clear();
            }
        }

        await using StreamRig rig = await StartAsync(source, destination, streams);
        rig.Pending.SetAll();
        StreamRoundTotals[] totals = await rig.RunRoundAsync();
        Assert.Equal(source.PageCount, totals.Sum(t => t.DataPages + t.ZeroPages));
        Assert.Equal(source.PageCount, rig.Applier.OfferedPages);
        TestMemory.AssertEqual(source, destination);
        for (int round = 1; round < 4; round++)
        {
            for (long page = round; page < source.PageCount; page += 5 + round)
            {
                TestMemory.FillPage(source, page, round);
                rig.Pending.Set(page);
            }

            await rig.RunRoundAsync();
            TestMemory.AssertEqual(source, destination);
        }

        await rig.FinishAsync();
    }

    [Fact]
    public async Task Random_rounds_move_what_was_pending_and_nothing_else()
    {
        for (int seed = 0; seed < 12; seed++)
        {
            var random = new Random(seed);
            long[] regions = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => random.NextInt64(1, 1500))];
            using GuestMemory source = TestMemory.Of(regions);
            using GuestMemory destination = TestMemory.Of(regions);
            using GuestMemory expected = TestMemory.Of(regions);
            using var present = new DirtyBitmap(source.PageCount);
            await using StreamRig rig = await StartAsync(source, destination, random.Next(1, 4));
            for (int round = 0; round < 4; round++)
            {
                double density = Math.Pow(random.NextDouble(), 3);
                for (long page = 0; page < source.PageCount; page++)
                {
                    if (random.NextDouble() < density)
                    {
                        TestMemory.FillPage(source, page, seed + round);
                        present.Set(page);
                    }

                    if (random.NextDouble() < density)
                    {
                        rig.Pending.Set(page);
                        source.Page(page).CopyTo(expected.Page(page));
                    }
                }

                await rig.RunRoundAsync(random.Next(2) == 0 ? present : null);
                TestMemory.AssertEqual(expected, destination);
            }

            await rig.FinishAsync();
        }
    }

    [Fact]
    public async Task Round_ends_only_after_its_bytes_are_in_memory()
    {
        using GuestMemory source = TestMemory.Of(Pages);
        using GuestMemory destination = TestMemory.Of(Pages);
        TestMemory.Fill(source, 1);
        await using StreamRig rig = await StartAsync(source, destination);
        long equal = -1;
        rig.OnRoundEnd = _ => equal = Enumerable.Range(0, (int)Pages).LongCount(p => TestMemory.PageEquals(source, destination, p));
        rig.Pending.SetAll();
        await rig.RunRoundAsync();
        Assert.Equal(Pages, equal);
    }

    [Fact]
    public async Task Holes_cost_the_destination_no_memory()
    {
        using GuestMemory source = TestMemory.Of(20_000);
        using GuestMemory destination = TestMemory.Of(20_000);
        using var present = new DirtyBitmap(20_000);
        present.Set(77);
        TestMemory.FillPage(source, 77, 1);
        await using StreamRig rig = await StartAsync(source, destination);
        rig.Pending.SetAll();
        StreamRoundTotals[] totals = await rig.RunRoundAsync(present);
        Assert.Equal((1, 19_999), (totals[0].DataPages, totals[0].ZeroPages));
        Assert.True(totals[0].WireBytes < 3 * 4096);
        Assert.Equal(1, TestMemory.ResidentPages(destination));
        Assert.Equal(20_000, rig.Applier.OfferedPages);
    }

    [Fact]
    public async Task Hashes_are_those_of_the_destinations_memory()
    {
        using GuestMemory source = TestMemory.Of(Pages);
        using GuestMemory destination = TestMemory.Of(Pages);
        TestMemory.Fill(source, 1);
        source.Page(5).Clear();
        await using StreamRig rig = await StartAsync(source, destination, streams: 2);
        rig.Pending.SetAll();
        await rig.RunRoundAsync();
        for (long page = 0; page < Pages; page++)
        {
            Assert.Equal(HashOf(source, page), rig.Applier.HashOf(page));
        }
    }

    [Fact]
    public async Task Empty_rounds_and_the_end_are_acknowledged()
    {
        using GuestMemory source = TestMemory.Of(64);
        using GuestMemory destination = TestMemory.Of(64);
        await using StreamRig rig = await StartAsync(source, destination, streams: 3);
        Assert.All(await rig.RunRoundAsync(), t => Assert.Equal(PageBatchHeader.Bytes, t.WireBytes));
        await rig.RunRoundAsync();
        await rig.FinishAsync();
    }

    [Fact]
    public async Task Pages_follow_a_preamble()
    {
        using GuestMemory source = TestMemory.Of(Pages);
        using GuestMemory destination = TestMemory.Of(Pages);
        TestMemory.Fill(source, 1);
        byte[] token = [.. Enumerable.Range(1, 40).Select(i => (byte)i)];
        byte[] arrived = new byte[40];
        await using StreamRig rig = await StreamRig.StartAsync(source, destination, 1, async () =>
        {
            (MigrationConnection s, MigrationConnection d) = await ConnectAsync();
            await s.WritePreambleAsync(token.AsMemory(0, 25), default);
            await s.WritePreambleAsync(token.AsMemory(25), default);
            await d.ReadPreambleAsync(arrived, default);
            return (s, d);
        });
        Assert.Equal(token, arrived);
        rig.Pending.SetAll();
        await rig.RunRoundAsync();
        TestMemory.AssertEqual(source, destination);
    }

    [Fact]
    public async Task Preamble_that_never_comes_is_cancelled()
    {
        (MigrationConnection s, MigrationConnection d) = await ConnectAsync();
        await using var source = s;
        await using var destination = d;
        using var cancel = new CancellationTokenSource();
        Task read = d.ReadPreambleAsync(new byte[10], cancel.Token).AsTask();
        await s.WritePreambleAsync(new byte[9], default);
        cancel.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read.WaitAsync(_patience));
    }

    [Fact]
    public async Task Preamble_cut_short_is_a_lost_connection()
    {
        (MigrationConnection s, MigrationConnection d) = await ConnectAsync();
        await using var destination = d;
        await s.WritePreambleAsync(new byte[9], default);
        await s.DisposeAsync();
        MigrationException e = await Assert.ThrowsAsync<MigrationException>(() => d.ReadPreambleAsync(new byte[10], default).AsTask().WaitAsync(_patience));
        Assert.Equal(MigrationErrorKind.ConnectionLost, e.Kind);
    }

    [Fact]
    public async Task Stream_that_ends_in_the_middle_of_a_batch_is_a_lost_connection()
    {
        PageRun[] runs = [new(3, 2, IsZero: false)];
        byte[] head = BatchForge.Head(BatchForge.Data(0, 0, 0, runs), runs);
        MigrationException e = await ReceiveAsync([.. head, .. new byte[5000]]);
        Assert.Equal(MigrationErrorKind.ConnectionLost, e.Kind);
    }

    [Fact]
    public async Task Stream_without_its_end_mark_is_a_lost_connection()
    {
        PageRun[] runs = [new(3, 1, IsZero: false)];
        byte[] head = BatchForge.Head(BatchForge.Data(0, 0, 0, runs), runs);
        Assert.Equal(MigrationErrorKind.ConnectionLost, (await ReceiveAsync([.. head, .. new byte[4096]])).Kind);
        Assert.Equal(MigrationErrorKind.ConnectionLost, (await ReceiveAsync([])).Kind);
    }

    [Fact]
    public async Task Stream_that_breaks_the_protocol_is_refused()
    {
        PageRun[] outside = [new(63, 2, IsZero: false)];
        byte[] right = BatchForge.Head(BatchForge.Data(0, 0, 0, new PageRun(3, 1, false)), new PageRun(3, 1, false));
        byte[] changed = [.. right];
        changed[^1] ^= 0x80; // the run's zero bit
        byte[] oversized = BatchForge.Resealed(right, h => h[15] = 0xFF); // 65,281 runs
        foreach (byte[] bytes in new[]
        {
            "GET / HTTP/1.1\r\nHost: destination\r\nAccept: */*\r\n\r\n\r\n\r\n"u8.ToArray(),
            BatchForge.Head(BatchForge.Data(0, 0, 0, outside), outside),
            BatchForge.Head(BatchForge.Data(1, 0, 0, new PageRun(3, 1, false)), new PageRun(3, 1, false)),
            changed,
            oversized,
        })
        {
            Assert.Equal(MigrationErrorKind.ProtocolViolation, (await ReceiveAsync([.. bytes, .. new byte[64]], close: false)).Kind);
        }
    }

    [Fact]
    public async Task Exception_at_the_end_of_a_round_ends_the_stream()
    {
        using GuestMemory source = TestMemory.Of(64);
        using GuestMemory destination = TestMemory.Of(64);
        await using StreamRig rig = await StartAsync(source, destination);
        rig.OnRoundEnd = _ => throw new InvalidOperationException("the session is over");
        await Assert.ThrowsAsync<InvalidOperationException>(() => rig.RunRoundAsync());
    }

    [Fact]
    public async Task Sender_blocked_by_a_silent_peer_is_freed_by_an_abort()
    {
        using GuestMemory source = TestMemory.Of(20_000);
        TestMemory.Fill(source, 1);
        (MigrationConnection s, MigrationConnection d) = await ConnectAsync();
        await using var destination = d;
        await using PageSender sender = PageSender.Create(s, source, 0, new PageSending(new BandwidthPacer(0, TimeProvider.System)));
        using var pending = new DirtyBitmap(source.PageCount);
        pending.SetAll();
        Task sending = sender.SendRoundAsync(new PageRound(0, source, pending, null), default);
        await Task.Delay(50);
        Assert.False(sending.IsCompleted);
        s.Abort();
        MigrationException e = await Assert.ThrowsAsync<MigrationException>(() => sending.WaitAsync(_patience));
        Assert.Equal(MigrationErrorKind.ConnectionLost, e.Kind);
        Assert.True(pending.Any());
    }

    [Fact]
    public async Task Receiver_blocked_by_a_silent_peer_is_freed_by_an_abort()
    {
        using GuestMemory destination = TestMemory.Of(64);
        (MigrationConnection s, MigrationConnection d) = await ConnectAsync();
        await using var source = s;
        using var applier = new PageApplier(destination, keepHashes: false);
        await using PageReceiver receiver = PageReceiver.Start(d, applier, 0, _ => { });
        await Task.Delay(20);
        Assert.False(receiver.Completion.IsCompleted);
        d.Abort();
        MigrationException e = await Assert.ThrowsAsync<MigrationException>(() => receiver.Completion.WaitAsync(_patience));
        Assert.Equal(MigrationErrorKind.ConnectionLost, e.Kind);
    }

    [Fact]
    public async Task Destination_that_goes_away_fails_the_round_and_keeps_pages_pending()
    {
        using GuestMemory source = TestMemory.Of(20_000);
        TestMemory.Fill(source, 1);
        (MigrationConnection s, MigrationConnection d) = await ConnectAsync();
        await using PageSender sender = PageSender.Create(s, source, 0, new PageSending(new BandwidthPacer(0, TimeProvider.System)));
        using var pending = new DirtyBitmap(source.PageCount);
        pending.SetAll();
        Task sending = sender.SendRoundAsync(new PageRound(0, source, pending, null), default);
        await d.DisposeAsync();
        MigrationException e = await Assert.ThrowsAsync<MigrationException>(() => sending.WaitAsync(_patience));
        Assert.Equal(MigrationErrorKind.ConnectionLost, e.Kind);
        Assert.True(pending.Any());
    }

    [Fact]
    public async Task Cancelled_round_stops_between_batches_and_keeps_the_rest_pending()
    {
        using GuestMemory source = TestMemory.Of(20_000);
        using GuestMemory destination = TestMemory.Of(20_000);
        TestMemory.Fill(source, 1);
        await using StreamRig rig = await StartAsync(source, destination, 2, new BandwidthPacer(20 << 20, TimeProvider.System));
        using var cancel = new CancellationTokenSource();
        rig.Pending.SetAll();
        var round = new PageRound(0, source, rig.Pending, null);
        Task[] sending = [.. rig.Senders.Select(s => s.SendRoundAsync(round, cancel.Token))];
        while (round.DataPages < 100)
        {
            await Task.Delay(1);
        }

        cancel.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(sending).WaitAsync(_patience));
        Assert.All(sending, t => Assert.True(t.IsCanceled));
        Assert.All(rig.Receivers, r => Assert.False(r.Completion.IsCompleted));
        Assert.Equal(20_000, rig.Pending.Count() + round.DataPages);
        Assert.InRange(round.DataPages, 100, 19_999);

        // Both streams stand between two batches: what was sent arrives whole, and the stream can still be read.
        await WaitUntilAsync(() => rig.Applier.OfferedPages == round.DataPages);
        for (long page = 0; page < 20_000; page++)
        {
            Assert.True(rig.Pending.IsSet(page) || TestMemory.PageEquals(source, destination, page));
        }
    }

    [Fact]
    public async Task Cancelled_round_of_a_stuck_stream_ends_too()
    {
        using GuestMemory source = TestMemory.Of(20_000);
        TestMemory.Fill(source, 1);
        (MigrationConnection s, MigrationConnection d) = await ConnectAsync();
        await using var destination = d;
        await using PageSender sender = PageSender.Create(s, source, 0, new PageSending(new BandwidthPacer(0, TimeProvider.System)));
        using var pending = new DirtyBitmap(source.PageCount);
        pending.SetAll();
        using var cancel = new CancellationTokenSource();
        Task sending = sender.SendRoundAsync(new PageRound(0, source, pending, null), cancel.Token);
        await Task.Delay(50);
        cancel.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sending.WaitAsync(_patience));
        Assert.True(pending.Any());
    }

    [Fact]
    public async Task Cap_is_never_exceeded()
    {
        const long Rate = 64 << 20;
        using GuestMemory source = TestMemory.Of(4000);
        using GuestMemory destination = TestMemory.Of(4000);
        TestMemory.Fill(source, 1);
        await using StreamRig rig = await StartAsync(source, destination, 2, new BandwidthPacer(Rate, TimeProvider.System));
        rig.Pending.SetAll();
        long start = TimeProvider.System.GetTimestamp();
        StreamRoundTotals[] totals = await rig.RunRoundAsync();
        double seconds = TimeProvider.System.GetElapsedTime(start).TotalSeconds;

        // What may go at once: the depth of the bucket and one batch of each stream.
        double free = (Rate * 0.025) + (2 * 100 * 4096);
        Assert.True(totals.Sum(t => t.WireBytes) - free <= Rate * seconds, $"{seconds} s");
    }

    [Fact]
    public async Task Disposing_twice_and_from_both_owners_is_harmless()
    {
        using GuestMemory source = TestMemory.Of(64);
        (MigrationConnection s, MigrationConnection d) = await ConnectAsync();
        PageSender sender = PageSender.Create(s, source, 0, new PageSending(new BandwidthPacer(0, TimeProvider.System)));
        await Task.WhenAll(sender.DisposeAsync().AsTask(), s.DisposeAsync().AsTask(), sender.DisposeAsync().AsTask());
        s.Abort();
        await d.DisposeAsync();
        using var pending = new DirtyBitmap(64);
        MigrationException e = await Assert.ThrowsAsync<MigrationException>(() => sender.SendRoundAsync(new PageRound(0, source, pending, null), default));
        Assert.Equal(MigrationErrorKind.ConnectionLost, e.Kind);
    }

    private protected static async Task WaitUntilAsync(Func<bool> condition)
    {
        long start = TimeProvider.System.GetTimestamp();
        while (!condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(start) < _patience, "it did not happen");
            await Task.Delay(1);
        }
    }

    /// <summary>Gives bytes to a receiver, perhaps ends the connection, and returns what the receiver says.</summary>
    private async Task<MigrationException> ReceiveAsync(byte[] bytes, bool close = true)
    {
        using GuestMemory destination = TestMemory.Of(64);
        (MigrationConnection s, MigrationConnection d) = await ConnectAsync();
        using var applier = new PageApplier(destination, keepHashes: false);
        await using PageReceiver receiver = PageReceiver.Start(d, applier, 0, _ => { });
        await s.WritePreambleAsync(bytes, default);
        if (close)
        {
            await s.DisposeAsync();
        }

        MigrationException failure = await Assert.ThrowsAsync<MigrationException>(() => receiver.Completion.WaitAsync(_patience));
        await s.DisposeAsync();
        return failure;
    }

    private static unsafe ulong HashOf(GuestMemory memory, long page) => PageHash.Of(memory.PagePointer(page));
}
