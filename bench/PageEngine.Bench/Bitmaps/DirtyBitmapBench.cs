using BenchmarkDotNet.Attributes;
using PageEngine.Bitmaps;
using PageEngine.Memory;

namespace PageEngine.Bench.Bitmaps;

// Owns: what the bitmap's operations cost, by guest size, density of dirty pages and vector path. Goals: at most 15 ns a
// run plus 40 µs for each 4 GiB of guest memory; no allocation.

/// <summary>Bitmaps of a 4 GiB guest (128 KiB, in the L2 cache) and of a 1 TiB guest (32 MiB, from DRAM).</summary>
[MemoryDiagnoser]
public class DirtyBitmapBench
{
    private readonly PageRange[] _runs = new PageRange[1024];
    private DirtyBitmap _contents = null!;
    private DirtyBitmap _work = null!;
    private DirtyBitmap _target = null!;

    [Params(4L << 30, 1L << 40)]
    public long GuestBytes { get; set; }

    /// <summary>Gets or sets the share of dirty pages in per mille, and after the slash the length of each dirty run.</summary>
    [Params("0/1", "1/1", "10/1", "100/1", "100/16", "1000/1")]
    public string Density { get; set; } = "";

    [ParamsSource(nameof(Paths))]
    public string Path { get; set; } = "";

    public static IEnumerable<string> Paths => Enum.GetValues<VectorPath>().Where(VectorPaths.IsSupported).Select(path => path.ToString());

    [GlobalSetup]
    public void Setup()
    {
        VectorPath path = Enum.Parse<VectorPath>(Path);
        long pages = GuestBytes / MemoryLayout.PageBytes;
        _contents = new DirtyBitmap(pages, path);
        _work = new DirtyBitmap(pages, path);
        _target = new DirtyBitmap(pages, path);
        int[] density = [.. Density.Split('/').Select(int.Parse)];
        var random = new Random(1);
        for (long page = 0; page < pages; page += density[1])
        {
            if (random.Next(1000) < density[0])
            {
                _contents.SetRange(new PageRange(page, density[1]));
            }
        }

        _work.CopyFrom(_contents);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _contents.Dispose();
        _work.Dispose();
        _target.Dispose();
    }

    [Benchmark]
    public long Extract()
    {
        long total = 0;
        long next = 0;
        while (next < _contents.PageCount)
        {
            total += _contents.ExtractRuns(new PageRange(next, _contents.PageCount - next), _runs, out next);
        }

        return total;
    }

    [Benchmark]
    public long Count() => _contents.Count();

    [Benchmark]
    public bool Any() => _contents.Any();

    /// <summary>The bits go to and fro, so that every call finds them: one drain of the contents and one of as many.</summary>
    [Benchmark(OperationsPerInvoke = 2)]
    public long Drain() => _work.DrainInto(_target) + _target.DrainInto(_work);

    /// <summary>One subtraction that clears every set bit, and one merge that sets them again.</summary>
    [Benchmark(OperationsPerInvoke = 2)]
    public void AndNotThenMerge()
    {
        _work.AndNot(_contents);
        _work.MergeFrom(_contents);
    }
}
