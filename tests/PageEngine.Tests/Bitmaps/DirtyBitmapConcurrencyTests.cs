using PageEngine.Bitmaps;
using PageEngine.Memory;
using Xunit;

namespace PageEngine.Tests.Bitmaps;

/// <summary>Real threads set bits while others take them: no bit is lost, none is made up.</summary>
[Trait("Category", "Isa")]
public sealed class DirtyBitmapConcurrencyTests
{
    private const int Pages = 64 * 40;

    [Theory]
    [ClassData(typeof(SupportedPaths))]
    public void Drain_beside_setters_loses_no_bit(string pathName)
    {
        VectorPath path = Enum.Parse<VectorPath>(pathName);
        using var source = new DirtyBitmap(Pages, path);
        using var target = new DirtyBitmap(Pages, path);
        var drained = new long[Pages];
        var sets = new long[Pages];
        int running = 2;

        // Each writer has every second page, so that both change the same words. It sets a page again only after it saw
        // the bit taken: then the number of times each page was drained must equal the number of times it was set.
        Thread[] writers = [.. Enumerable.Range(0, 2).Select(writer => new Thread(() =>
        {
            var random = new Random(writer);
            for (int i = 0; i < 300_000; i++)
            {
                int page = (random.Next(Pages / 2) * 2) + writer;
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
            for (int page = 0; page < Pages; page++)
            {
                if (target.IsSet(page))
                {
                    drained[page]++;
                    seen++;
                }
            }

            Assert.Equal(moved, seen);
            target.Clear();
        }
        while (!last);
        Array.ForEach(writers, t => t.Join());
        Assert.Equal(sets, drained);
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
        for (int round = 0; round < 200; round++)
        {
            source.SetAll();
            barrier.SignalAndWait();
            barrier.SignalAndWait();
            Assert.False(source.Any());
        }

        Array.ForEach(drainers, t => t.Join());
        Assert.Equal(200L * Pages, moved.Sum());
    }

    [Fact]
    public void Neighbours_within_a_word_do_not_undo_each_other()
    {
        // Four threads set, clear and merge runs that meet in the middle of words; each looks only at its own pages.
        using var bitmap = new DirtyBitmap(Pages);
        var errors = new int[4];
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(i => new Thread(() =>
        {
            var own = new PageRange(i * 617L, 617);
            using var mine = new DirtyBitmap(Pages);
            mine.SetRange(own);
            using var taken = new DirtyBitmap(Pages);
            for (int round = 0; round < 5000; round++)
            {
                switch (round % 3)
                {
                    case 0: bitmap.SetRange(own); break;
                    case 1: bitmap.MergeFrom(mine); break;
                    default: Array.ForEach([own.Start, own.End - 1], bitmap.Set); break;
                }

                errors[i] += bitmap.IsSet(own.Start) && bitmap.IsSet(own.End - 1) ? 0 : 1;
                switch (round % 4)
                {
                    case 0: bitmap.ClearPages(own); break;
                    case 1: bitmap.AndNot(mine); break;
                    default: bitmap.DrainRangeInto(taken, own); break;
                }

                errors[i] += bitmap.IsSet(own.Start) || bitmap.IsSet(own.End - 1) ? 1 : 0;
            }
        }))];
        Array.ForEach(threads, t => t.Start());
        Array.ForEach(threads, t => t.Join());
        Assert.Equal(new int[4], errors);
        Assert.False(bitmap.Any());
    }
}
