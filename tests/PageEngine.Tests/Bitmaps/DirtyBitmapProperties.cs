using FsCheck.Xunit;
using PageEngine.Bitmaps;
using PageEngine.Memory;
using Xunit;

namespace PageEngine.Tests.Bitmaps;

/// <summary>Every operation on every supported vector path gives what an array of booleans gives.</summary>
[Trait("Category", "Isa")]
[Properties(Arbitrary = new[] { typeof(BitmapGenerators) }, MaxTest = 400)]
public sealed class DirtyBitmapProperties
{
    [Property]
    public void Count_and_any_equal_the_oracle(BitmapCase contents)
    {
        int expected = contents.ToOracle().Count(bit => bit);
        foreach (VectorPath path in SupportedPaths.All)
        {
            using DirtyBitmap bitmap = contents.ToBitmap(path);
            Assert.Equal(expected, bitmap.Count());
            Assert.Equal(expected != 0, bitmap.Any());
        }
    }

    [Property]
    public void Set_range_and_clear_pages_equal_the_oracle(BitmapPair pair)
    {
        bool[] set = pair.First.ToOracle();
        bool[] cleared = pair.First.ToOracle();
        Array.Fill(set, true, (int)pair.Window.Start, (int)pair.Window.Count);
        Array.Fill(cleared, false, (int)pair.Window.Start, (int)pair.Window.Count);

        using DirtyBitmap bitmap = pair.First.ToBitmap(VectorPaths.Best);
        bitmap.SetRange(pair.Window);
        AssertEqual(set, bitmap);

        using DirtyBitmap other = pair.First.ToBitmap(VectorPaths.Best);
        other.ClearPages(pair.Window);
        AssertEqual(cleared, other);
    }

    [Property]
    public void Merge_and_not_and_copy_equal_the_oracle(BitmapPair pair)
    {
        bool[] first = pair.First.ToOracle();
        bool[] second = pair.Second.ToOracle();
        foreach (VectorPath path in SupportedPaths.All)
        {
            using DirtyBitmap other = pair.Second.ToBitmap(path);

            using DirtyBitmap merged = pair.First.ToBitmap(path);
            merged.MergeFrom(other);
            AssertEqual([.. first.Zip(second, (a, b) => a || b)], merged);

            using DirtyBitmap subtracted = pair.First.ToBitmap(path);
            subtracted.AndNot(other);
            AssertEqual([.. first.Zip(second, (a, b) => a && !b)], subtracted);

            using DirtyBitmap copy = pair.First.ToBitmap(path);
            copy.CopyFrom(other);
            AssertEqual(second, copy);
            AssertEqual(second, other);
        }
    }

    [Property]
    public void Drain_moves_every_bit_and_says_how_many(BitmapPair pair)
    {
        bool[] first = pair.First.ToOracle();
        bool[] second = pair.Second.ToOracle();
        foreach (VectorPath path in SupportedPaths.All)
        {
            using DirtyBitmap source = pair.First.ToBitmap(path);
            using DirtyBitmap target = pair.Second.ToBitmap(path);
            Assert.Equal(first.Count(bit => bit), source.DrainInto(target));
            Assert.False(source.Any());
            AssertEqual([.. first.Zip(second, (a, b) => a || b)], target);
        }
    }

    [Property]
    public void Drain_of_a_range_leaves_the_rest(BitmapPair pair)
    {
        bool[] rest = pair.First.ToOracle();
        bool[] target = pair.Second.ToOracle();
        int moved = 0;
        for (long page = pair.Window.Start; page < pair.Window.End; page++)
        {
            moved += rest[page] ? 1 : 0;
            target[page] |= rest[page];
            rest[page] = false;
        }

        foreach (VectorPath path in SupportedPaths.All)
        {
            using DirtyBitmap source = pair.First.ToBitmap(path);
            using DirtyBitmap into = pair.Second.ToBitmap(path);
            Assert.Equal(moved, source.DrainRangeInto(into, pair.Window));
            AssertEqual(rest, source);
            AssertEqual(target, into);
        }
    }

    [Property]
    public void Runs_of_a_window_equal_the_oracle_whatever_the_room(BitmapPair pair)
    {
        PageRange[] expected = RunsOf(pair.First.ToOracle(), pair.Window);
        foreach (VectorPath path in SupportedPaths.All)
        {
            using DirtyBitmap bitmap = pair.First.ToBitmap(path);
            foreach (int room in new[] { 1, 2, 7, 31, 32, 33, 64, 100, 3000 })
            {
                var found = new List<PageRange>();
                var output = new PageRange[room];
                long next = pair.Window.Start;
                while (next < pair.Window.End)
                {
                    int n = bitmap.ExtractRuns(new PageRange(next, pair.Window.End - next), output, out long after);
                    Assert.True(n == room || after == pair.Window.End, "stopped before the output was full");
                    Assert.True(after > next, "no progress");
                    found.AddRange(output.AsSpan(0, n));
                    next = after;
                }

                Assert.Equal(expected, found);
            }
        }
    }

    [Theory]
    [ClassData(typeof(SupportedPaths))]
    public void Thousands_of_random_bitmaps_give_the_oracles_runs_and_counts(string pathName)
    {
        VectorPath path = Enum.Parse<VectorPath>(pathName);
        var random = new Random(20_240_611);
        var output = new PageRange[700];
        for (int round = 0; round < 3000; round++)
        {
            int pages = random.Next(1, 2500);
            double density = round % 3 == 0 ? random.NextDouble() : Math.Pow(random.NextDouble(), 6);
            int longest = 1 << random.Next(0, 11);
            var oracle = new bool[pages];
            using var bitmap = new DirtyBitmap(pages, path);
            for (int page = 0; page < pages; page += random.Next(1, longest + 1))
            {
                int count = Math.Min(random.Next(1, longest + 1), pages - page);
                if (random.NextDouble() < density)
                {
                    Array.Fill(oracle, true, page, count);
                    bitmap.SetRange(new PageRange(page, count));
                }
            }

            long start = random.Next(0, pages);
            var window = new PageRange(start, random.Next(0, (int)(pages - start) + 1));
            PageRange[] expected = RunsOf(oracle, window);
            int n = bitmap.ExtractRuns(window, output, out long next);
            Assert.Equal(expected.Take(output.Length), output.Take(n));
            Assert.Equal(n == output.Length ? output[^1].End : window.End, next);
            Assert.Equal(oracle.Count(bit => bit), bitmap.Count());
        }
    }

    private static PageRange[] RunsOf(bool[] bits, PageRange window)
    {
        var runs = new List<PageRange>();
        for (long page = window.Start; page < window.End; page++)
        {
            if (bits[page] && page > window.Start && bits[page - 1])
            {
                runs[^1] = new PageRange(runs[^1].Start, runs[^1].Count + 1);
            }
            else if (bits[page])
            {
                runs.Add(new PageRange(page, 1));
            }
        }

        return [.. runs];
    }

    private static unsafe void AssertEqual(bool[] expected, DirtyBitmap actual)
    {
        Assert.Equal(expected.Length, actual.PageCount);
        var bits = new bool[expected.Length];
        for (int page = 0; page < bits.Length; page++)
        {
            bits[page] = actual.IsSet(page);
        }

        Assert.Equal(expected, bits);

        // Bits past the last page must stay 0: the kernels count whole words.
        ulong behind = expected.Length % 64 == 0 ? 0 : ulong.MaxValue << (expected.Length % 64);
        Assert.Equal(0UL, actual.Words[actual.WordCount - 1] & behind);
    }
}
