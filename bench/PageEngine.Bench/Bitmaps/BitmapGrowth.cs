using System.Diagnostics;
using System.Globalization;
using PageEngine.Bitmaps;
using PageEngine.Memory;

namespace PageEngine.Bench.Bitmaps;

// Owns: how the bitmap's cost grows with the guest, up to 24 TiB, for a dirty set that stays the same: 64 MiB scattered page by page.
// The bitmaps are real; the guest's memory is not there.

/// <summary>Measures `bitmap`.</summary>
internal static class BitmapGrowth
{
    private const int DirtyPages = 16_384;

    private static readonly long[] _gibibytes = [1, 4, 16, 64, 256, 1024, 4096, 24 * 1024];

    internal static void Run()
    {
        var runs = new PageRange[4096];
        foreach (long gibibytes in _gibibytes)
        {
            long pages = (gibibytes << 30) / MemoryLayout.PageBytes;
            using var collected = new DirtyBitmap(pages);
            using var pending = new DirtyBitmap(pages);
            collected.SetAll();
            collected.DrainInto(pending);
            pending.Clear();
            var drain = new double[5];
            var count = new double[5];
            var extract = new double[5];
            var random = new Random(1);
            for (int i = 0; i < drain.Length; i++)
            {
                for (int page = 0; page < DirtyPages; page++)
                {
                    collected.SetRange(new PageRange(random.NextInt64(pages), 1));
                }

                drain[i] = Time(() => collected.DrainInto(pending));
                count[i] = Time(() => pending.Count());
                extract[i] = Time(() =>
                {
                    for (long next = 0; next < pages;)
                    {
                        pending.ExtractRuns(new PageRange(next, pages - next), runs, out next);
                    }
                });
                pending.Clear();
            }

            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{gibibytes} GiB: bitmap {pages / 8 / 1048576.0:0.###} MiB; drain {Spread(drain)}, count {Spread(count)}, extract {Spread(extract)} ms"));
        }
    }

    private static double Time(Action work)
    {
        long began = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(began).TotalMilliseconds;
    }

    private static string Spread(double[] values)
    {
        Array.Sort(values);
        return string.Create(CultureInfo.InvariantCulture, $"{values[0]:0.00} / {values[values.Length / 2]:0.00} / {values[^1]:0.00}");
    }
}
