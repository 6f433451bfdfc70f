using System.Runtime.Intrinsics;
using BenchmarkDotNet.Attributes;
using PageEngine.Memory;

namespace PageEngine.Bench.Memory;

// Owns: what it costs to look at every page: zero check and hash, by where the pages come from and what they hold.

/// <summary>Each operation is one page. 1 MiB stays in the L2 cache; 1 GiB comes from DRAM.</summary>
[MemoryDiagnoser]
public unsafe class PageContentBench
{
    private GuestMemory _memory = null!;
    private long _page;

    [Params(1L << 20, 1L << 30)]
    public long Bytes { get; set; }

    /// <summary>Gets or sets where in the page the first byte that is not zero lies; -1: nowhere.</summary>
    [Params(-1, 8, 2048)]
    public int FirstNonZero { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _memory = GuestMemory.Allocate(Bytes);
        for (long page = 0; page < _memory.PageCount; page++)
        {
            // Touched in any case: a hole would be the kernel's one shared zero page, always in the cache.
            _memory.Page(page).Clear();
            if (FirstNonZero >= 0)
            {
                _memory.Page(page)[FirstNonZero] = 1;
            }
        }
    }

    [GlobalCleanup]
    public void Cleanup() => _memory.Dispose();

    [Benchmark(Baseline = true)]
    public bool IsZero() => ZeroPage.IsZero(Next());

    [Benchmark]
    public bool IndexOfAnyExcept() => new ReadOnlySpan<byte>(Next(), MemoryLayout.PageBytes).IndexOfAnyExcept((byte)0) < 0;

    [Benchmark]
    public bool Vector256Or()
    {
        ulong* page = (ulong*)Next();
        for (int i = 0; i < MemoryLayout.PageBytes / 8; i += 16)
        {
            // SAFETY: 16 words from i on lie within the page.
            Vector256<ulong> any = Vector256.Load(page + i) | Vector256.Load(page + i + 4) | Vector256.Load(page + i + 8) | Vector256.Load(page + i + 12);
            if (any != Vector256<ulong>.Zero)
            {
                return false;
            }
        }

        return true;
    }

    [Benchmark]
    public ulong Hash() => PageHash.Of(Next());

    private byte* Next()
    {
        byte* page = _memory.PagePointer(_page);
        _page = (_page + 1) & (_memory.PageCount - 1);
        return page;
    }
}
