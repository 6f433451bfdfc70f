using System.Buffers;
using System.IO.Pipelines;
using PageEngine.Bitmaps;
using PageEngine.Memory;
using PageEngine.Streaming;
using Xunit;

namespace PageEngine.Tests.Streaming;

public class PageBatchReaderTests
{
    private static DirtyBitmap Bits(long pages, IEnumerable<long> set)
    {
        var bitmap = new DirtyBitmap(pages);
        foreach (long page in set)
        {
            bitmap.Set(page);
        }

        return bitmap;
    }

    private static IEnumerable<long> Range(long start, long end, long step = 1)
    {
        for (long page = start; page < end; page += step)
        {
            yield return page;
        }
    }

    [Fact]
    public void Scattered_pages_travel_in_full_batches()
    {
        using GuestMemory memory = TestMemory.Of(20_000);
        long[] dirty = [.. Range(3, 20_000, 7)];
        foreach (long page in dirty)
        {
            TestMemory.FillPage(memory, page, 1);
        }

        using DirtyBitmap pending = Bits(memory.PageCount, dirty);
        using var reader = new PageBatchReader(memory, 0);
        reader.BeginRound(new PageRound(0, memory, pending, present: null));
        List<byte[]> batches = StreamShuttle.Collect(reader);
        Assert.Equal([1000, 1000, dirty.Length - 2000, dirty.Length], batches.Select(b => (int)PageBatchHeader.Read(b).DataPages));
        Assert.Equal(dirty, batches.SelectMany(StreamShuttle.RunsOf).Select(r => r.Start));
    }

    [Fact]
    public void Dense_pages_travel_as_long_runs()
    {
        using GuestMemory memory = TestMemory.Of(5000);
        TestMemory.Fill(memory, 1);
        using DirtyBitmap pending = Bits(5000, Range(0, 5000));
        using var reader = new PageBatchReader(memory, 0);
        reader.BeginRound(new PageRound(0, memory, pending, present: null));
        List<byte[]> batches = StreamShuttle.Collect(reader);
        Assert.Equal([1024, 1024, 1024, 1024, 904, 5000], batches.Select(b => (int)PageBatchHeader.Read(b).DataPages));
        Assert.All(batches.Take(5), b => Assert.Single(StreamShuttle.RunsOf(b)));
    }

    [Fact]
    public void Payload_is_the_guests_own_memory()
    {
        using GuestMemory memory = TestMemory.Of(64);
        TestMemory.Fill(memory, 1);
        using DirtyBitmap pending = Bits(64, [3, 4, 9]);
        using var reader = new PageBatchReader(memory, 0);
        reader.BeginRound(new PageRound(0, memory, pending, present: null));
        reader.TryRead(out ReadResult read);
        TestMemory.FillPage(memory, 9, seed: 2); // after the read, before the bytes are taken
        byte[] bytes = read.Buffer.ToArray();
        Assert.Equal(memory.Page(9), bytes.AsSpan(bytes.Length - 4096));
        Assert.Equal(3, Segments(read.Buffer)); // the head, two runs
    }

    [Fact]
    public void Runs_are_cut_at_regions_and_windows()
    {
        using GuestMemory memory = TestMemory.Of(10, 22, 40);
        TestMemory.Fill(memory, 1);
        using DirtyBitmap pending = Bits(72, Range(5, 72));
        using var reader = new PageBatchReader(memory, 0);
        reader.BeginRound(new PageRound(0, memory, pending, present: null));
        Assert.Equal(
            [new PageRun(5, 5, false), new PageRun(10, 22, false), new PageRun(32, 40, false)],
            StreamShuttle.RunsOf(StreamShuttle.Collect(reader)[0]));
    }

    [Fact]
    public void Zero_pages_are_named_and_not_sent()
    {
        using GuestMemory memory = TestMemory.Of(100);
        TestMemory.Fill(memory, 1);
        memory.Page(20).Clear();
        memory.Page(21).Clear();
        memory.Page(99).Clear();
        memory.Page(99)[4095] = 1;
        using DirtyBitmap pending = Bits(100, [19, 20, 21, 22, 99]);
        using var reader = new PageBatchReader(memory, 0);
        reader.BeginRound(new PageRound(0, memory, pending, present: null));
        byte[] batch = StreamShuttle.Collect(reader)[0];
        Assert.Equal(
            [new PageRun(19, 1, false), new PageRun(20, 2, true), new PageRun(22, 1, false), new PageRun(99, 1, false)],
            StreamShuttle.RunsOf(batch));
        Assert.Equal(PageBatchHeader.Bytes + (4 * 8) + (3 * 4096), batch.Length);
        Assert.Equal(new StreamRoundTotals(0, 0, 3, 2, batch.Length + PageBatchHeader.Bytes), reader.LastRound);
    }

    [Fact]
    public void Holes_are_zero_and_stay_holes()
    {
        using GuestMemory memory = TestMemory.Of(10_000);
        TestMemory.FillPage(memory, 5000, 1);
        using DirtyBitmap pending = Bits(10_000, Range(0, 10_000));
        using DirtyBitmap present = Bits(10_000, [5000]);
        long before = TestMemory.ResidentPages(memory);
        using var reader = new PageBatchReader(memory, 0);
        reader.BeginRound(new PageRound(0, memory, pending, present));
        byte[] batch = StreamShuttle.Collect(reader)[0];
        Assert.Equal([new PageRun(0, 5000, true), new PageRun(5000, 1, false), new PageRun(5001, 4999, true)], StreamShuttle.RunsOf(batch));
        Assert.Equal(before, TestMemory.ResidentPages(memory));
    }

    [Fact]
    public void Single_holes_between_pages_stay_holes_too()
    {
        using GuestMemory memory = TestMemory.Of(100, 100);
        for (long page = 0; page < 100; page++)
        {
            TestMemory.FillPage(memory, page, 1);
        }

        using DirtyBitmap pending = Bits(200, Range(0, 200, 3));
        using DirtyBitmap present = Bits(200, Range(0, 100));
        long before = TestMemory.ResidentPages(memory);
        using var reader = new PageBatchReader(memory, 0);
        reader.BeginRound(new PageRound(0, memory, pending, present));
        StreamShuttle.Collect(reader);
        Assert.Equal((34, 33), (reader.LastRound.DataPages, reader.LastRound.ZeroPages));
        Assert.Equal(before, TestMemory.ResidentPages(memory));
    }

    [Fact]
    public void Zero_pages_of_one_batch_are_limited()
    {
        using GuestMemory memory = TestMemory.Of(150_000);
        using DirtyBitmap pending = Bits(150_000, Range(0, 150_000));
        using var present = new DirtyBitmap(150_000);
        using var reader = new PageBatchReader(memory, 0);
        reader.BeginRound(new PageRound(0, memory, pending, present));
        Assert.Equal([65_536, 65_536, 18_928, 150_000], StreamShuttle.Collect(reader).Select(b => (int)PageBatchHeader.Read(b).ZeroPages));
    }

    [Fact]
    public void Page_stays_pending_until_all_its_batch_was_consumed()
    {
        using GuestMemory memory = TestMemory.Of(3000);
        TestMemory.Fill(memory, 1);
        using DirtyBitmap pending = Bits(3000, Range(0, 3000));
        using var reader = new PageBatchReader(memory, 0);
        var round = new PageRound(0, memory, pending, present: null);
        reader.BeginRound(round);

        reader.TryRead(out ReadResult read);
        reader.AdvanceTo(read.Buffer.GetPosition(read.Buffer.Length - 1));
        Assert.Equal(3000, pending.Count());
        Assert.Equal(0, round.DataPages);

        reader.TryRead(out read);
        Assert.Equal(1, read.Buffer.Length);
        Assert.False(read.IsCompleted);
        reader.AdvanceTo(read.Buffer.End);
        Assert.Equal(3000 - 1024, pending.Count());
        Assert.Equal(1024, round.DataPages);
        Assert.False(pending.IsSet(1023));
        Assert.True(pending.IsSet(1024));
    }

    [Fact]
    public void Cancelled_round_ends_between_batches_and_keeps_the_rest_pending()
    {
        using GuestMemory memory = TestMemory.Of(3000);
        TestMemory.Fill(memory, 1);
        using DirtyBitmap pending = Bits(3000, Range(0, 3000));
        using var reader = new PageBatchReader(memory, 0);
        reader.BeginRound(new PageRound(0, memory, pending, present: null));

        reader.TryRead(out ReadResult read);
        reader.AdvanceTo(read.Buffer.GetPosition(1));
        reader.CancelPendingRead();
        reader.TryRead(out read);
        Assert.False(read.IsCanceled); // the batch was begun: it goes out whole
        reader.AdvanceTo(read.Buffer.End);

        reader.TryRead(out read);
        Assert.True(read.IsCanceled);
        Assert.True(read.Buffer.IsEmpty);
        Assert.False(read.IsCompleted);
        Assert.Equal(3000 - 1024, pending.Count());
    }

    [Fact]
    public void Rounds_follow_each_other()
    {
        using GuestMemory memory = TestMemory.Of(64);
        using var pending = new DirtyBitmap(64);
        using var reader = new PageBatchReader(memory, 0);
        Assert.Throws<InvalidOperationException>(() => reader.BeginRound(new PageRound(1, memory, pending, null)));
        reader.BeginRound(new PageRound(0, memory, pending, null));
        Assert.Throws<InvalidOperationException>(() => reader.BeginRound(new PageRound(0, memory, pending, null)));
        Assert.Throws<InvalidOperationException>(reader.BeginEnd);
        StreamShuttle.Collect(reader);
        Assert.Throws<InvalidOperationException>(() => reader.BeginRound(new PageRound(0, memory, pending, null)));
        reader.BeginRound(new PageRound(1, memory, pending, null));
    }

    [Fact]
    public void Reader_between_rounds_is_completed_and_empty()
    {
        using GuestMemory memory = TestMemory.Of(64);
        using var reader = new PageBatchReader(memory, 0);
        reader.TryRead(out ReadResult read);
        Assert.True(read.IsCompleted);
        Assert.True(read.Buffer.IsEmpty);
        Assert.Throws<ArgumentOutOfRangeException>(() => new PageBatchReader(memory, PageBatchLimits.MaxStreams));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task Streams_together_send_each_page_once(int streams)
    {
        using GuestMemory memory = TestMemory.Of(30_000);
        long[] dirty = [.. Range(0, 30_000).Where(p => (p * 2654435761) % 7 < 3)];
        using DirtyBitmap pending = Bits(memory.PageCount, dirty);
        var round = new PageRound(0, memory, pending, present: null);
        List<byte[]>[] sent = await Task.WhenAll(Enumerable.Range(0, streams).Select(s => Task.Run(() =>
        {
            using var reader = new PageBatchReader(memory, s);
            reader.BeginRound(round);
            return StreamShuttle.Collect(reader);
        })));
        IEnumerable<long> pages = sent.SelectMany(s => s).SelectMany(StreamShuttle.RunsOf).SelectMany(r => Range(r.Start, r.End));
        Assert.Equal(dirty, pages.Order());
        Assert.False(pending.Any());
        Assert.Equal(dirty.Length, round.DataPages + round.ZeroPages);
        Assert.Equal(sent.SelectMany(s => s).Sum(b => b.Length), round.WireBytes);
    }

    [Fact]
    public void Reading_a_round_allocates_nothing()
    {
        using GuestMemory memory = TestMemory.Of(20_000);
        TestMemory.Fill(memory, 1);
        long[] dirty = [.. Range(0, 20_000, 3)];
        using DirtyBitmap pending = Bits(memory.PageCount, dirty);
        using DirtyBitmap present = Bits(memory.PageCount, Range(0, 19_000));
        using var reader = new PageBatchReader(memory, 0);
        long allocated = 0;
        for (int i = 0; i < 3; i++)
        {
            using DirtyBitmap again = Bits(memory.PageCount, dirty);
            pending.MergeFrom(again);
            reader.BeginRound(new PageRound(i, memory, pending, present));
            long before = GC.GetAllocatedBytesForCurrentThread();
            Drain(reader);
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Equal(0, allocated);
    }

    private static void Drain(PageBatchReader reader)
    {
        ReadResult read;
        do
        {
            reader.TryRead(out read);
            Segments(read.Buffer);
            reader.AdvanceTo(read.Buffer.End);
        }
        while (!read.IsCompleted);
    }

    private static int Segments(ReadOnlySequence<byte> sequence)
    {
        int segments = 0;
        foreach (ReadOnlyMemory<byte> _ in sequence)
        {
            segments++;
        }

        return segments;
    }
}
