using FsCheck.Xunit;
using PageEngine.Bitmaps;
using PageEngine.Compression;
using PageEngine.Memory;
using PageEngine.Streaming;
using Xunit;

namespace PageEngine.Tests.Streaming;

// Coded batches from a source's memory to a destination's, against the memory itself as the oracle.
public class CodedStreamTests
{
    [Property(MaxTest = 60)]
    public void After_each_round_the_destination_has_what_the_source_has(int seed)
    {
        var random = new Random(seed);
        using GuestMemory source = TestMemory.Of(random.Next(1, 400), random.Next(1, 700));
        using GuestMemory destination = TestMemory.Of([.. source.Regions.Select(r => r.PageCount)]);
        using var applier = new PageApplier(destination, keepHashes: true);
        PageCompression compression = (PageCompression)random.Next(4);
        using var encoding = new PageEncoding(compression, random.Next(5) == 0 ? 0 : random.Next(1, 800) * MemoryLayout.PageBytes);
        int streams = random.Next(1, 4);
        PageBatchReader[] readers = [.. Enumerable.Range(0, streams).Select(i => new PageBatchReader(source, i, encoding) { MaxDataPages = random.Next(1, 1025) })];
        PageBatchWriter[] writers = [.. Enumerable.Range(0, streams).Select(i => new PageBatchWriter(applier, i, _ => { }))];
        using var pending = new DirtyBitmap(source.PageCount);
        Fill(source, random);
        pending.SetAll();
        int rounds = random.Next(1, 8);
        for (int round = 0; round < rounds; round++)
        {
            var work = new PageRound(round, source, pending, null) { IsFirst = round == 0 };
            for (int i = 0; i < streams; i++)
            {
                // As a slow link, so that Auto codes as well.
                readers[i].AddLink(1 << 20, (1 << 20) * 80.0, wasBusy: true);
                readers[i].BeginRound(work);
            }

            Parallel.For(0, streams, i => StreamShuttle.Move(readers[i], writers[i], () => (seed & 1) == 0 ? int.MaxValue : 5000));
            Assert.False(pending.Any());
            for (long page = 0; page < source.PageCount; page++)
            {
                Assert.True(TestMemory.PageEquals(source, destination, page), $"page {page} differs after round {round} ({compression})");
                Assert.Equal(HashOf(source, page), applier.HashOf(page));
            }

            Write(source, pending, random);
        }

        Array.ForEach(readers, r => r.Dispose());
        Array.ForEach(writers, w => w.Dispose());
    }

    [Theory]
    [InlineData(PageCompression.Lz4)]
    [InlineData(PageCompression.Zstd)]
    [InlineData(PageCompression.None)]
    public void What_is_saved_and_what_it_cost_is_counted(PageCompression compression)
    {
        using GuestMemory source = TestMemory.Of(512);
        using GuestMemory destination = TestMemory.Of(512);
        using var applier = new PageApplier(destination, keepHashes: false);
        using var encoding = new PageEncoding(compression, 512 * MemoryLayout.PageBytes);
        using var reader = new PageBatchReader(source, 0, encoding);
        using var writer = new PageBatchWriter(applier, 0, _ => { });
        using var pending = new DirtyBitmap(512);
        for (long page = 0; page < 512; page++)
        {
            source.Page(page).Fill((byte)(page | 1));
        }

        long[] wire = new long[4];
        for (int round = 0; round < wire.Length; round++)
        {
            pending.SetAll();
            source.Page(7)[100] ^= (byte)round;
            reader.BeginRound(new PageRound(round, source, pending, null) { IsFirst = round == 0 });
            StreamShuttle.Move(reader, writer);
            wire[round] = reader.LastRound.WireBytes;
        }

        EncodingReport report = encoding.Report;
        bool codes = compression != PageCompression.None;
        Assert.Equal(2 * 511, report.UnchangedPages);
        Assert.Equal(2, report.DeltaPages);
        Assert.Equal(2 * 17, report.DeltaBytes);
        Assert.Equal(compression == PageCompression.Lz4 ? 1024 : 0, report.Lz4Pages);
        Assert.Equal(compression == PageCompression.Zstd ? 1024 : 0, report.ZstdPages);
        Assert.Equal(codes ? 0 : 512, report.StoredPages);
        Assert.True(report.EncodingTime > TimeSpan.Zero);
        Assert.True(wire[0] < 512 * MemoryLayout.PageBytes == codes);
        Assert.InRange(wire[3], 1, 200);
        Assert.Equal(1, reader.LastRound.DataPages);
        TestMemory.AssertEqual(source, destination);
    }

    [Property(MaxTest = 400)]
    public void A_damaged_payload_is_refused_or_stays_within_its_pages(int seed)
    {
        var random = new Random(seed);
        using GuestMemory source = TestMemory.Of(300);
        using GuestMemory destination = TestMemory.Of(300, 8);
        using var applier = new PageApplier(destination, keepHashes: false);
        using var encoding = new PageEncoding((PageCompression)(1 + random.Next(3)), 300 * MemoryLayout.PageBytes);
        using var reader = new PageBatchReader(source, 0, encoding);
        using var writer = new PageBatchWriter(applier, 0, _ => { });
        using var pending = new DirtyBitmap(300);
        Fill(source, random);
        pending.SetAll();
        int rounds = random.Next(1, 4);
        try
        {
            for (int round = 0; round < rounds; round++)
            {
                reader.BeginRound(new PageRound(round, source, pending, null) { IsFirst = round == 0 });
                foreach (byte[] batch in StreamShuttle.Collect(reader))
                {
                    PageBatchHeader header = PageBatchHeader.Read(batch);
                    int payload = PageBatchHeader.Bytes + header.TableBytes;
                    for (int i = random.Next(3); i > 0 && payload < batch.Length; i--)
                    {
                        // Mostly where the lengths are.
                        int at = random.Next(2) == 0 ? random.Next(payload, batch.Length) : random.Next(payload, Math.Min(batch.Length, payload + 600));
                        batch[at] = (byte)random.Next(256);
                    }

                    StreamShuttle.Put(writer, batch);
                }

                Write(source, pending, random);
            }
        }
        catch (MigrationException e)
        {
            Assert.Equal(MigrationErrorKind.ProtocolViolation, e.Kind);
            Assert.Throws<InvalidOperationException>(() => writer.GetSpan());
        }

        Assert.True(destination.Page(300).IndexOfAnyExcept((byte)0) < 0);
    }

    [Fact]
    public void A_difference_of_a_page_that_never_came_is_refused()
    {
        using GuestMemory source = TestMemory.Of(4);
        using GuestMemory destination = TestMemory.Of(4);
        using var encoding = new PageEncoding(PageCompression.None, 4 * MemoryLayout.PageBytes);
        using var reader = new PageBatchReader(source, 0, encoding);
        using var pending = new DirtyBitmap(4);
        TestMemory.Fill(source, 1);
        List<byte[]> batches = [];
        for (int round = 0; round < 3; round++)
        {
            pending.SetAll();
            source.Page(2)[9] ^= 1;
            reader.BeginRound(new PageRound(round, source, pending, null) { IsFirst = round == 0 });
            batches = StreamShuttle.Collect(reader);
        }

        byte[] delta = batches[0];
        PageBatchHeader header = PageBatchHeader.Read(delta) with { Round = 0, Sequence = 0 };
        header.WriteAndSeal(delta.AsSpan(0, PageBatchHeader.Bytes + header.TableBytes));
        using var applier = new PageApplier(destination, keepHashes: false);
        using var writer = new PageBatchWriter(applier, 0, _ => { });
        MigrationException refused = Assert.Throws<MigrationException>(() => StreamShuttle.Put(writer, delta));
        Assert.Contains("never came itself", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Neither_end_allocates_for_a_coded_batch()
    {
        using GuestMemory source = TestMemory.Of(1024);
        using GuestMemory destination = TestMemory.Of(1024);
        using var applier = new PageApplier(destination, keepHashes: false);
        foreach (PageCompression compression in new[] { PageCompression.None, PageCompression.Lz4, PageCompression.Zstd })
        {
            using var encoding = new PageEncoding(compression, 1024 * MemoryLayout.PageBytes);
            using var reader = new PageBatchReader(source, 0, encoding);
            using var other = new PageApplier(destination, keepHashes: false);
            using var writer = new PageBatchWriter(other, 0, _ => { });
            using var pending = new DirtyBitmap(1024);
            var random = new Random(5);
            Fill(source, random);
            pending.SetAll();
            long allocated = long.MaxValue;
            for (int round = 0; round < 8; round++)
            {
                var work = new PageRound(round, source, pending, null) { IsFirst = round == 0 };
                long before = GC.GetAllocatedBytesForCurrentThread();
                reader.BeginRound(work);
                StreamShuttle.Move(reader, writer);
                allocated = round < 2 ? allocated : Math.Min(allocated, GC.GetAllocatedBytesForCurrentThread() - before);
                Write(source, pending, random);
                pending.SetAll();
            }

            Assert.True(allocated == 0, $"{compression}: {allocated} bytes in a round of 1024 pages");
        }
    }

    private static unsafe ulong HashOf(GuestMemory memory, long page) => PageHash.Of(memory.PagePointer(page));

    // A mixture: zero pages, pages that compress, pages that do not.
    private static void Fill(GuestMemory memory, Random random)
    {
        for (long page = 0; page < memory.PageCount; page++)
        {
            switch (random.Next(4))
            {
                case 0:
                    break;
                case 1:
                    memory.Page(page).Fill((byte)random.Next(1, 256));
                    break;
                default:
                    TestMemory.FillPage(memory, page, random.Next());
                    break;
            }
        }
    }

    // What a guest does between two rounds: a byte, a line, a page, zeros, or nothing at all; all of it is reported dirty.
    private static void Write(GuestMemory memory, DirtyBitmap pending, Random random)
    {
        for (long page = 0; page < memory.PageCount; page++)
        {
            if (random.Next(3) == 0)
            {
                continue;
            }

            pending.Set(page);
            Span<byte> bytes = memory.Page(page);
            switch (random.Next(6))
            {
                case 0:
                    bytes[random.Next(bytes.Length)]++;
                    break;
                case 1:
                    random.NextBytes(bytes.Slice(random.Next(64) * 64, 64));
                    break;
                case 2:
                    TestMemory.FillPage(memory, page, random.Next());
                    break;
                case 3:
                    bytes.Clear();
                    break;
                case 4:
                    bytes.Fill((byte)random.Next(256));
                    break;
                default:
                    break;
            }
        }
    }
}
