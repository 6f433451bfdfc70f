using FsCheck.Xunit;
using PageEngine.Bitmaps;
using PageEngine.Memory;
using PageEngine.Streaming;

namespace PageEngine.Tests.Streaming;

public class PageBitsTests
{
    private const int Pages = 300;

    [Property]
    public bool First_bit_with_a_value_is_found(int seed, bool value, ushort from, ushort to)
    {
        var random = new Random(seed);
        using var bitmap = new DirtyBitmap(Pages);
        double density = random.NextDouble();
        for (int i = 0; i < Pages; i++)
        {
            if (random.NextDouble() < density * density)
            {
                bitmap.Set(i);
            }
        }

        long start = from % Pages;
        long end = start + (to % (Pages - start + 1));
        long expected = start;
        while (expected < end && bitmap.IsSet(expected) != value)
        {
            expected++;
        }

        return PageBits.IndexOf(bitmap, value, start, end) == expected;
    }

    [Property]
    public bool Set_counts_only_what_was_not_set(int seed)
    {
        var random = new Random(seed);
        using var bitmap = new DirtyBitmap(Pages);
        var oracle = new HashSet<long>();
        for (int i = 0; i < 10; i++)
        {
            long start = random.Next(Pages);
            var range = new PageRange(start, random.Next(1, (int)(Pages - start) + 1));
            long expected = 0;
            for (long page = range.Start; page < range.End; page++)
            {
                expected += oracle.Add(page) ? 1 : 0;
            }

            if (PageBits.SetAndCountNew(bitmap, range) != expected)
            {
                return false;
            }
        }

        return Enumerable.Range(0, Pages).All(p => bitmap.IsSet(p) == oracle.Contains(p));
    }
}
