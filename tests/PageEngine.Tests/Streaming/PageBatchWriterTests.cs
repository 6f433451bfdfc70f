using FsCheck.Xunit;
using PageEngine.Bitmaps;
using PageEngine.Memory;
using PageEngine.Streaming;
using Xunit;

namespace PageEngine.Tests.Streaming;

public class PageBatchWriterTests
{
    private const byte Canary = 0xA5;

    [Property(MaxTest = 40)]
    public void Rounds_arrive_whatever_the_pieces(int seed)
    {
        var random = new Random(seed);
        long[] regions = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => random.NextInt64(1, 3000))];
        using GuestMemory source = TestMemory.Of(regions);
        using GuestMemory destination = TestMemory.Of(regions);
        destination.Page(0).Fill(Canary);
        using var mayHoldBytes = new DirtyBitmap(source.PageCount);
        mayHoldBytes.Set(0);
        using var applier = new PageApplier(destination, keepHashes: true, mayHoldBytes);
        using var pending = new DirtyBitmap(source.PageCount);
        using var reader = new PageBatchReader(source, 3) { MaxDataPages = random.Next(1, 1025) };
        StreamRoundTotals? ended = null;
        using var writer = new PageBatchWriter(applier, 3, totals => ended = totals);
        int largest = 1 << random.Next(0, 23);
        for (int round = 0; round < 3; round++)
        {
            for (long page = 0; page < source.PageCount; page++)
            {
                if (round == 0 || random.Next(10) < 3)
                {
                    pending.Set(page);
                    int kind = random.Next(4);
                    if (kind == 0)
                    {
                        source.Page(page).Clear();
                    }
                    else
                    {
                        TestMemory.FillPage(source, page, (round * 10) + kind);
                    }
                }
            }

            reader.BeginRound(new PageRound(round, source, pending, present: null));
            StreamShuttle.Move(reader, writer, () => largest < 64 && random.Next(50) > 0 ? 4096 + largest : random.Next(1, largest + 1));
            TestMemory.AssertEqual(source, destination);
            Assert.Equal(reader.LastRound, ended);
            Assert.False(pending.Any());
        }

        Assert.Equal(source.PageCount, applier.OfferedPages);
        for (long page = 0; page < source.PageCount; page++)
        {
            Assert.Equal(HashOf(destination, page), applier.HashOf(page));
        }

        reader.BeginEnd();
        StreamShuttle.Move(reader, writer);
        Assert.True(writer.HasEnded);
        Assert.Throws<InvalidOperationException>(() => writer.GetMemory());
    }

    [Fact]
    public unsafe void Vectors_and_memory_name_the_same_places()
    {
        using GuestMemory source = TestMemory.Of(10, 50);
        TestMemory.Fill(source, 1);
        using GuestMemory destination = TestMemory.Of(10, 50);
        using var applier = new PageApplier(destination, keepHashes: false, new DirtyBitmap(60));
        using var pending = new DirtyBitmap(60);
        pending.SetRange(new PageRange(8, 7));
        pending.SetRange(new PageRange(40, 3));
        using var reader = new PageBatchReader(source, 0);
        reader.BeginRound(new PageRound(0, source, pending, null));
        byte[] batch = StreamShuttle.Collect(reader)[0];
        using var writer = new PageBatchWriter(applier, 0, _ => { });
        int head = PageBatchHeader.Bytes + (3 * PageRun.Bytes);
        StreamShuttle.Put(writer, batch.AsSpan(0, head + 100));

        IoVector* vectors = stackalloc IoVector[4];
        Assert.Equal(3, writer.GetVectors(vectors, 4));
        fixed (byte* start = writer.GetSpan())
        {
            Assert.Equal((nint)start, (nint)vectors[0].Start);
        }

        Assert.Equal((nint)(destination.PagePointer(8) + 100), (nint)vectors[0].Start);
        Assert.Equal((nint)destination.PagePointer(10), (nint)vectors[1].Start);
        Assert.Equal((nint)destination.PagePointer(40), (nint)vectors[2].Start);
        Assert.Equal([8092, 5 * 4096, 3 * 4096], new[] { (int)vectors[0].Bytes, (int)vectors[1].Bytes, (int)vectors[2].Bytes });
        Assert.Equal(2, writer.GetVectors(vectors, 2));

        // One receive may fill the end of one run, all of another and the beginning of a third.
        new Span<byte>(vectors[0].Start, 8092).Fill(1);
        new Span<byte>(vectors[1].Start, 5 * 4096).Fill(2);
        destination.Page(40)[0] = 3;
        writer.Advance(8092 + (5 * 4096) + 1);
        Assert.Equal(1, writer.GetVectors(vectors, 4));
        Assert.Equal((nint)(destination.PagePointer(40) + 1), (nint)vectors[0].Start);
        Assert.Equal(7, applier.OfferedPages);
        Assert.Throws<ArgumentOutOfRangeException>(() => writer.Advance(3 * 4096));
    }

    [Property(MaxTest = 60)]
    public void Damaged_stream_never_writes_outside_the_pages_it_named(int seed)
    {
        var random = new Random(seed);
        const int Pages = 400;
        using GuestMemory source = TestMemory.Of(Pages);
        using GuestMemory destination = TestMemory.Of(Pages);
        for (long page = 0; page < Pages; page++)
        {
            destination.Page(page).Fill(Canary);
        }

        using var pending = new DirtyBitmap(Pages);
        for (long page = 0; page < Pages; page += random.Next(1, 8))
        {
            pending.Set(page);
            if (random.Next(3) > 0)
            {
                TestMemory.FillPage(source, page, 1);
            }
        }

        using var offered = new DirtyBitmap(Pages);
        offered.MergeFrom(pending);
        using var reader = new PageBatchReader(source, 0) { MaxDataPages = 20 };
        reader.BeginRound(new PageRound(0, source, pending, null));
        byte[] stream = [.. StreamShuttle.Collect(reader).SelectMany(b => b)];
        int hits = random.Next(1, 4);
        for (int i = 0; i < hits; i++)
        {
            stream[random.Next(stream.Length)] ^= (byte)(1 << random.Next(8));
        }

        var all = new DirtyBitmap(Pages);
        all.SetAll();
        using var applier = new PageApplier(destination, keepHashes: false, all);
        using var writer = new PageBatchWriter(applier, 0, _ => { });
        try
        {
            StreamShuttle.Put(writer, stream); // a flip within a payload is not noticed here: TCP's part, and --verify's
        }
        catch (MigrationException e)
        {
            Assert.Equal(MigrationErrorKind.ProtocolViolation, e.Kind);
            Assert.Throws<InvalidOperationException>(() => writer.GetMemory());
        }

        for (long page = 0; page < Pages; page++)
        {
            Assert.True(offered.IsSet(page) || !destination.Page(page).ContainsAnyExcept(Canary), $"page {page} was written");
        }
    }

    [Fact]
    public void Nothing_is_touched_before_the_head_is_complete_and_right()
    {
        using GuestMemory destination = TestMemory.Of(16);
        var all = new DirtyBitmap(16);
        all.SetAll();
        destination.Page(2).Fill(Canary);
        using var applier = new PageApplier(destination, keepHashes: false, all);
        using var writer = new PageBatchWriter(applier, 0, _ => { });
        PageRun[] runs = [new(2, 1, IsZero: true), new(15, 2, IsZero: false)]; // the second one ends outside
        byte[] head = BatchForge.Head(BatchForge.Data(0, 0, 0, runs), runs);
        Assert.Throws<MigrationException>(() => StreamShuttle.Put(writer, head));
        Assert.False(destination.Page(2).ContainsAnyExcept(Canary));
        Assert.Equal(0, applier.OfferedPages);
    }

    [Fact]
    public void Writer_knows_where_the_stream_broke_off()
    {
        using GuestMemory memory = TestMemory.Of(16);
        TestMemory.Fill(memory, 1);
        using var pending = new DirtyBitmap(16);
        pending.Set(3);
        using var reader = new PageBatchReader(memory, 0);
        reader.BeginRound(new PageRound(0, memory, pending, null));
        byte[] batch = StreamShuttle.Collect(reader)[0];
        using GuestMemory destination = TestMemory.Of(16);
        using var applier = new PageApplier(destination, keepHashes: false, new DirtyBitmap(16));
        using var writer = new PageBatchWriter(applier, 0, _ => { });
        Assert.True(writer.IsBetweenBatches);
        for (int i = 0; i < batch.Length - 1; i++)
        {
            StreamShuttle.Put(writer, batch.AsSpan(i, 1));
            Assert.False(writer.IsBetweenBatches);
        }

        StreamShuttle.Put(writer, batch.AsSpan(batch.Length - 1));
        Assert.True(writer.IsBetweenBatches);
    }

    [Fact]
    public void Writing_a_round_allocates_nothing()
    {
        using GuestMemory source = TestMemory.Of(6000);
        TestMemory.Fill(source, 1);
        using GuestMemory destination = TestMemory.Of(6000);
        using var pending = new DirtyBitmap(6000);
        using var reader = new PageBatchReader(source, 0);
        var rounds = new List<byte[]>();
        for (int i = 0; i < 3; i++)
        {
            for (long page = 0; page < 6000; page += 2)
            {
                pending.Set(page);
            }

            reader.BeginRound(new PageRound(i, source, pending, null));
            rounds.Add([.. StreamShuttle.Collect(reader).SelectMany(b => b)]);
        }

        using var applier = new PageApplier(destination, keepHashes: true, new DirtyBitmap(6000));
        using var writer = new PageBatchWriter(applier, 0, _ => { });
        long allocated = 0;
        foreach (byte[] round in rounds)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            StreamShuttle.Put(writer, round);
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Equal(0, allocated);
    }

    private static unsafe ulong HashOf(GuestMemory memory, long page) => PageHash.Of(memory.PagePointer(page));
}
