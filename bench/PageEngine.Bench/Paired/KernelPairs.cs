using System.Diagnostics;
using System.Globalization;
using PageEngine.Bitmaps;
using PageEngine.Memory;

namespace PageEngine.Bench.Paired;

// Owns: the engine's kernels beside their counterparts in bench/baseline/kernels.c: the same data, the same unit of work.

/// <summary>Runs a kernel in this process, then its counterpart, in turn.</summary>
internal static class KernelPairs
{
    private const int BitmapPages = 1 << 25; // of a guest of 128 GiB: in a small bitmap the branch predictor learns the bits by heart

    internal static readonly string[] Names =
    [
        "zero-dram", "zero-cache", "runs-0x1", "runs-1x1", "runs-10x1", "runs-100x1", "runs-100x16", "runs-1000x1", "drain-1x1", "drain-10x1", "count-10x1",
    ];

    /// <summary>Gets the pairs' times of one unit of work, in nanoseconds.</summary>
    internal static async Task<IReadOnlyList<(double Engine, double C)>> RunAsync(string name, string tools, int pairs)
    {
        const int milliseconds = 60;
        using var work = Kernel.Make(name);
        work.Measure(milliseconds); // compiled and optimised before it counts
        await Task.Delay(150);
        work.Measure(milliseconds);
        var result = new List<(double, double)>();
        for (int pair = 0; pair < pairs; pair++)
        {
            double engine = work.Measure(milliseconds);
            using ChildProcess baseline = ChildProcess.Start(Path.Combine(tools, "kernels"), [name, WireSettings.Text(milliseconds)]);
            string line = await baseline.ReadAsync($"kernel={name} ns=");
            result.Add((engine, double.Parse(line.Split(' ')[0], CultureInfo.InvariantCulture)));
            await baseline.ReadToEndAsync();
        }

        return result;
    }

    private sealed class Kernel(Func<long> work, double units, params IDisposable[] owned) : IDisposable
    {
        private long _sink;

        internal static Kernel Make(string name)
        {
            if (name.StartsWith("zero", StringComparison.Ordinal))
            {
                GuestMemory memory = GuestMemory.Allocate(name == "zero-dram" ? 256L << 20 : 256L << 10);
                memory.Regions[0].Touch();
                return new Kernel(() => CountZeros(memory), memory.PageCount, memory);
            }

            int[] shape = [.. name[(name.IndexOf('-', StringComparison.Ordinal) + 1)..].Split('x').Select(n => int.Parse(n, CultureInfo.InvariantCulture))];
            var bitmap = new DirtyBitmap(BitmapPages);
            var other = new DirtyBitmap(BitmapPages);
            Fill(bitmap, shape[0], shape[1]);
            var runs = new PageRange[4096]; // as a stream does: a piece at a time, in the cache
            return name[0] switch
            {
                'r' => new Kernel(() => Extract(bitmap, runs), 1, bitmap, other),
                'c' => new Kernel(bitmap.Count, 1, bitmap, other),
                _ => new Kernel(() => bitmap.DrainInto(other) + other.DrainInto(bitmap), 2, bitmap, other),
            };
        }

        internal double Measure(int milliseconds)
        {
            long began = Stopwatch.GetTimestamp();
            long calls = 0;
            TimeSpan elapsed;
            do
            {
                _sink += work();
                calls++;
                elapsed = Stopwatch.GetElapsedTime(began);
            }
            while (elapsed.TotalMilliseconds < milliseconds);
            return elapsed.TotalNanoseconds / calls / units;
        }

        public void Dispose()
        {
            GC.KeepAlive(_sink);
            foreach (IDisposable item in owned)
            {
                item.Dispose();
            }
        }
    }

    private static unsafe void Touch(this GuestMemoryRegion region) => new Span<byte>(region.Pointer, (int)region.Bytes).Clear();

    private static unsafe long CountZeros(GuestMemory memory)
    {
        long zeros = 0;
        byte* page = memory.PagePointer(0);
        for (long i = 0; i < memory.PageCount; i++, page += MemoryLayout.PageBytes)
        {
            zeros += ZeroPage.IsZero(page) ? 1 : 0; // SAFETY: one region, so its pages follow each other.
        }

        return zeros;
    }

    private static long Extract(DirtyBitmap bitmap, PageRange[] runs)
    {
        long total = 0;
        for (long next = 0; next < bitmap.PageCount;)
        {
            total += bitmap.ExtractRuns(new PageRange(next, bitmap.PageCount - next), runs, out next);
        }

        return total;
    }

    // The generator of kernels.c: the same bits.
    private static void Fill(DirtyBitmap bitmap, int perMille, int length)
    {
        ulong x = 0x9E37_79B9_7F4A_7C15;
        for (long page = 0; page < bitmap.PageCount; page += length)
        {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            if (x % 1000 < (ulong)perMille)
            {
                bitmap.SetRange(new PageRange(page, length));
            }
        }
    }
}
