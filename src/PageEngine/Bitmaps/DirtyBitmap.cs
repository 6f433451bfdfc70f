using System.Numerics;
using System.Runtime.InteropServices;
using PageEngine.Memory;

namespace PageEngine.Bitmaps;

// Owns: the dirty bitmap: native words, one bit a page. [SKELETON: kernels to be replaced by vector paths]

/// <summary>One bit for each guest page, in unmanaged memory. Bits may be set by many threads at once.</summary>
public sealed unsafe class DirtyBitmap : IDisposable
{
    private ulong* _words;

    /// <summary>Makes an empty bitmap.</summary>
    /// <param name="pageCount">How many pages it covers.</param>
    public DirtyBitmap(long pageCount)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(pageCount, 1);
        PageCount = pageCount;
        WordCount = (pageCount + 63) / 64;
        _words = (ulong*)NativeMemory.AlignedAlloc((nuint)WordCount * 8, 64);
        NativeMemory.Clear(_words, (nuint)WordCount * 8);
    }

    /// <summary>Gets how many pages it covers.</summary>
    public long PageCount { get; }

    /// <summary>Gets how many 64-bit words hold them.</summary>
    public long WordCount { get; }

    /// <summary>Gets the words; bit i of word w is page 64·w + i; bits past the last page are always 0.</summary>
    internal ulong* Words => _words;

    /// <summary>Sets a page's bit. Atomic; tests before it writes.</summary>
    public void Set(long page)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((ulong)page, (ulong)PageCount, nameof(page));
        ref ulong word = ref _words[page >> 6];
        ulong bit = 1UL << (int)(page & 63);
        if ((Volatile.Read(ref word) & bit) == 0)
        {
            Interlocked.Or(ref word, bit);
        }
    }

    /// <summary>Gets whether a page's bit is set.</summary>
    public bool IsSet(long page)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((ulong)page, (ulong)PageCount, nameof(page));
        return (Volatile.Read(ref _words[page >> 6]) >> (int)(page & 63) & 1) != 0;
    }

    /// <summary>Sets a run of bits. Atomic for each word.</summary>
    public void SetRange(PageRange range)
    {
        for (long p = range.Start; p < range.End; p++)
        {
            Set(p);
        }
    }

    /// <summary>Sets every bit.</summary>
    public void SetAll() => SetRange(new PageRange(0, PageCount));

    /// <summary>Clears every bit. Not atomic with concurrent setters.</summary>
    public void Clear() => NativeMemory.Clear(_words, (nuint)WordCount * 8);

    /// <summary>Sets every bit that is set in another bitmap of the same length.</summary>
    public void MergeFrom(DirtyBitmap other)
    {
        for (long i = 0; i < WordCount; i++)
        {
            if (other._words[i] != 0)
            {
                Interlocked.Or(ref _words[i], other._words[i]);
            }
        }
    }

    /// <summary>Clears every bit that is set in another bitmap of the same length.</summary>
    public void AndNot(DirtyBitmap other)
    {
        for (long i = 0; i < WordCount; i++)
        {
            Interlocked.And(ref _words[i], ~other._words[i]);
        }
    }

    /// <summary>Counts the set bits.</summary>
    public long Count()
    {
        long count = 0;
        for (long i = 0; i < WordCount; i++)
        {
            count += BitOperations.PopCount(_words[i]);
        }

        return count;
    }

    /// <summary>Moves every set bit into another bitmap: each word is read and cleared in one atomic step, so that a
    /// bit set meanwhile is in this bitmap or in the target, never lost.</summary>
    /// <returns>How many bits were moved.</returns>
    public long DrainInto(DirtyBitmap target)
    {
        long count = 0;
        for (long i = 0; i < WordCount; i++)
        {
            if (Volatile.Read(ref _words[i]) != 0)
            {
                ulong taken = Interlocked.Exchange(ref _words[i], 0);
                Interlocked.Or(ref target._words[i], taken);
                count += BitOperations.PopCount(taken);
            }
        }

        return count;
    }

    /// <summary>Writes the maximal runs of set bits within a window, in address order, until the output is full.</summary>
    /// <param name="window">Which pages to look at.</param>
    /// <param name="runs">Receives the runs, cut at the window's edges.</param>
    /// <param name="next">The page to continue from; <c>window.End</c> when all runs were written.</param>
    /// <returns>How many runs were written.</returns>
    public int ExtractRuns(PageRange window, Span<PageRange> runs, out long next)
    {
        int n = 0;
        long page = window.Start;
        while (page < window.End && n < runs.Length)
        {
            if (!IsSet(page))
            {
                page++;
                continue;
            }

            long start = page;
            while (page < window.End && IsSet(page))
            {
                page++;
            }

            runs[n++] = new PageRange(start, page - start);
        }

        next = page;
        return n;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeMemory.AlignedFree(_words);
        _words = null;
    }
}
