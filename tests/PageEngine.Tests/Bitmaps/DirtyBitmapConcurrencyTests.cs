using PageEngine.Bitmaps;
using PageEngine.Memory;
using Xunit;

namespace PageEngine.Tests.Bitmaps;

/// <summary>Real threads set bits while others take them: no bit is lost, none is made up.</summary>
[Trait("Category", "Isa")]
public sealed class DirtyBitmapConcurrencyTests
{
    // Two words, so that threads meet in the same word at almost every step.
    private const int FewPages = 128;
    private const int Pages = 64 * 40;

    [Theory]
    [ClassData(typeof(SupportedPaths))]
    public void Drain_beside_setters_loses_no_bit(string pathName)
    {
        VectorPath path = Enum.Parse<VectorPath>(pathName);
        using var source = new DirtyBitmap(FewPages, path);
        using var target = new DirtyBitmap(FewPages, path);
        var drained = new long[FewPages];
        var sets = new long[FewPages];
        int running = 2;
        int miscounted = 0;

        // Each writer has every second page, so that both change the same words. It sets a page again only after it saw
        // the bit taken: then the number of times each page was drained must equal the number of times it was set.
        Thread[] writers = [.. Enumerable.Range(0, 2).Select(writer => new Thread(() =>
        {
            var random = new Random(writer);
            for (int i = 0; i < 1_000_000; i++)
            {
                int page = (random.Next(FewPages / 2) * 2) + writer;
                if (!source.IsSet(page))
                {
                    source.Set(page);
                    sets[page]++;
                }
            }

            Interlocked.Decrement(ref running);
        }))];
        Array.ForEach(writers, t => t.Start());
        bool last;
        do
        {
            last = Volatile.Read(ref running) == 0;
            long moved = source.DrainInto(target);
            long seen = 0;
            for (int page = 0; page < FewPages; page++)
            {
                if (target.IsSet(page))
                {
                    drained[page]++;
                    seen++;
                }
            }

            miscounted += moved == seen ? 0 : 1;
            target.Clear();
        }
        while (!last);
        Array.ForEach(writers, t => t.Join());
        Assert.Equal(sets, drained);
        Assert.Equal(0, miscounted);
        Assert.False(source.Any());
    }

    [Fact]
    public void Two_drains_share_the_bits_and_take_none_twice()
    {
        using var source = new DirtyBitmap(Pages);
        using var barrier = new Barrier(3);
        long[] moved = new long[2];
        Thread[] drainers = [.. Enumerable.Range(0, 2).Select(i => new Thread(() =>
        {
            using var own = new DirtyBitmap(Pages);
            for (int round = 0; round < 200; round++)
            {
                barrier.SignalAndWait();
                moved[i] += i == 0 ? source.DrainInto(own) : source.DrainRangeInto(own, new PageRange(13, Pages - 30));
                barrier.SignalAndWait();
            }
        }))];
        Array.ForEach(drainers, t => t.Start());
        int left = 0;
        for (int round = 0; round < 200; round++)
        {
            source.SetAll();
            barrier.SignalAndWait();
            barrier.SignalAndWait();
            left += source.Any() ? 1 : 0;
        }

        Array.ForEach(drainers, t => t.Join());
        Assert.Equal(0, left);
        Assert.Equal(200L * Pages, moved.Sum());
    }

    [Fact]
    public void Neighbours_within_a_word_do_not_undo_each_other()
    {
        // Four threads set, merge, clear, subtract and drain runs that meet in the middle of words; each looks only at its own.
        using var bitmap = new DirtyBitmap(FewPages);
        var errors = new int[4];
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(i => new Thread(() =>
        {
            var own = new PageRange(i * 25L, 25);
            using var mine = new DirtyBitmap(FewPages);
            mine.SetRange(own);
            using var taken = new DirtyBitmap(FewPages);
            for (int round = 0; round < 200_000; round++)
            {
                switch (round % 3)
                {
                    case 0: bitmap.SetRange(own); break;
                    case 1: bitmap.MergeFrom(mine); break;
                    default:
                        bitmap.Set(own.Start);
                        bitmap.Set(own.End - 1);
                        break;
                }

                errors[i] += bitmap.IsSet(own.Start) && bitmap.IsSet(own.End - 1) ? 0 : 1;
                switch (round % 4)
                {
                    case 0: bitmap.AndNot(mine); break;
                    case 1: bitmap.DrainRangeInto(taken, own); break;
                    default: bitmap.ClearPages(own); break;
                }

                errors[i] += bitmap.IsSet(own.Start) || bitmap.IsSet(own.End - 1) ? 1 : 0;
            }
        }))];
        Array.ForEach(threads, t => t.Start());
        Array.ForEach(threads, t => t.Join());
        Assert.Equal(new int[4], errors);
        Assert.False(bitmap.Any());
    }

    [Fact]
    public void Two_drains_into_one_target_lose_no_bit()
    {
        // Two sources are drained into one target by two threads: each page set in a source must be in the target.
        using var target = new DirtyBitmap(FewPages);
        using var barrier = new Barrier(3);
        const int Rounds = 20_000;
        Thread[] threads = [.. Enumerable.Range(0, 2).Select(i => new Thread(() =>
        {
            using var source = new DirtyBitmap(FewPages);
            for (int round = 0; round < Rounds; round++)
            {
                for (int page = i; page < FewPages; page += 2)
                {
                    source.Set(page);
                }

                barrier.SignalAndWait();
                source.DrainInto(target);
                barrier.SignalAndWait();
            }
        }))];
        Array.ForEach(threads, t => t.Start());
        int incomplete = 0;
        for (int round = 0; round < Rounds; round++)
        {
            barrier.SignalAndWait();
            barrier.SignalAndWait();
            incomplete += target.Count() == FewPages ? 0 : 1;
            target.Clear();
        }

        Array.ForEach(threads, t => t.Join());
        Assert.Equal(0, incomplete);
    }
}
