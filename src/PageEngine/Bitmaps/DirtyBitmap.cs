using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.InteropServices;
using PageEngine.Memory;

namespace PageEngine.Bitmaps;

// Owns: the dirty bitmap: native words, one bit a page. Many threads may set bits while one reads, drains or clears;
// whoever changes a word changes it in one atomic step. Bits past the last page are always 0.

/// <summary>One bit for each guest page, in unmanaged memory. Bits may be set, cleared and drained by many threads at
/// once; a question about many bits is no snapshot while others change them. Dispose it when no thread uses it.</summary>
public sealed unsafe class DirtyBitmap : IDisposable
{
    private readonly VectorPath _path;
    private ulong* _words;

    // PageCount, or 0 once disposed: every access is checked against it, so that one after Dispose throws.
    private long _limit;

    /// <summary>Makes an empty bitmap.</summary>
    /// <param name="pageCount">How many pages it covers: 1 to <see cref="MemoryLayout.MaxPages"/>.</param>
    public DirtyBitmap(long pageCount)
        : this(pageCount, VectorPaths.Best)
    {
    }

    internal DirtyBitmap(long pageCount, VectorPath path)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(pageCount, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(pageCount, MemoryLayout.MaxPages);
        PageCount = pageCount;
        WordCount = (pageCount + 63) / 64;
        _path = path;
        _words = (ulong*)NativeMemory.AlignedAlloc((nuint)WordCount * 8, 64);
        NativeMemory.Clear(_words, (nuint)WordCount * 8);
        _limit = pageCount;
    }

    /// <summary>Gets how many pages it covers.</summary>
    public long PageCount { get; }

    /// <summary>Gets how many 64-bit words hold them.</summary>
    public long WordCount { get; }

    /// <summary>Gets the words; bit i of word w is page 64·w + i; bits past the last page are always 0. Null once disposed.</summary>
    internal ulong* Words => _words;

    /// <summary>Sets a page's bit. Atomic; tests before it writes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No such page.</exception>
    public void Set(long page)
    {
        if ((ulong)page >= (ulong)_limit)
        {
            ThrowNoSuchPage(page);
        }

        SetBits(page >> 6, 1UL << (int)(page & 63));
    }

    /// <summary>Gets whether a page's bit is set.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No such page.</exception>
    public bool IsSet(long page)
    {
        if ((ulong)page >= (ulong)_limit)
        {
            ThrowNoSuchPage(page);
        }

        return (Volatile.Read(ref _words[page >> 6]) >> (int)(page & 63) & 1) != 0;
    }

    /// <summary>Sets a run of bits. Atomic for each word.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The run is not within the bitmap.</exception>
    public void SetRange(PageRange range)
    {
        CheckRange(range);
        for (var words = new RangeWords(range); words.MoveNext();)
        {
            if (words.Mask != ulong.MaxValue)
            {
                SetBits(words.Word, words.Mask);
            }
            else if (Volatile.Read(ref _words[words.Word]) != ulong.MaxValue)
            {
                // A store is as atomic as an exchange here: a drain takes all 64 bits, or comes before and takes none.
                Volatile.Write(ref _words[words.Word], ulong.MaxValue);
            }
        }
    }

    /// <summary>Sets every bit. Atomic for each word.</summary>
    public void SetAll() => SetRange(new PageRange(0, PageCount));

    /// <summary>Clears every bit. Atomic for each word.</summary>
    public void Clear() => ClearPages(new PageRange(0, PageCount));

    /// <summary>Clears a run of bits. Atomic for each word.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The run is not within the bitmap.</exception>
    public void ClearPages(PageRange range)
    {
        CheckRange(range);
        for (var words = new RangeWords(range); words.MoveNext();)
        {
            if (words.Mask == ulong.MaxValue)
            {
                if (Volatile.Read(ref _words[words.Word]) != 0)
                {
                    Volatile.Write(ref _words[words.Word], 0);
                }
            }
            else
            {
                ClearBits(words.Word, words.Mask);
            }
        }
    }

    /// <summary>Sets every bit that is set in another bitmap of the same length. Atomic for each word.</summary>
    /// <exception cref="ArgumentException">The bitmaps have different lengths.</exception>
    public void MergeFrom(DirtyBitmap other)
    {
        CheckSameLength(other);
        long i = 0;
        while (i < WordCount)
        {
            i = BitmapKernels.SkipDisjoint(other._words, _words, i, WordCount, flip: ulong.MaxValue, _path);
            for (long end = Math.Min(i + BitmapKernels.BlockWords, WordCount); i < end; i++)
            {
                SetBits(i, Volatile.Read(ref other._words[i]));
            }
        }
    }

    /// <summary>Clears every bit that is set in another bitmap of the same length. Atomic for each word.</summary>
    /// <exception cref="ArgumentException">The bitmaps have different lengths.</exception>
    public void AndNot(DirtyBitmap other)
    {
        CheckSameLength(other);
        long i = 0;
        while (i < WordCount)
        {
            i = BitmapKernels.SkipDisjoint(_words, other._words, i, WordCount, flip: 0, _path);
            for (long end = Math.Min(i + BitmapKernels.BlockWords, WordCount); i < end; i++)
            {
                ClearBits(i, Volatile.Read(ref other._words[i]));
            }
        }
    }

    /// <summary>Makes this bitmap equal to another of the same length. Bits that others set here meanwhile may be lost.</summary>
    /// <exception cref="ArgumentException">The bitmaps have different lengths.</exception>
    public void CopyFrom(DirtyBitmap other)
    {
        CheckSameLength(other);
        Buffer.MemoryCopy(other._words, _words, WordCount * 8, WordCount * 8);
    }

    /// <summary>Counts the set bits.</summary>
    public long Count()
    {
        CheckNotDisposed();
        return PopulationCount.Of(_words, WordCount, _path);
    }

    /// <summary>Gets whether any bit is set.</summary>
    public bool Any()
    {
        CheckNotDisposed();
        for (long i = BitmapKernels.SkipUniform(_words, 0, WordCount, 0, _path); i < WordCount; i++)
        {
            if (Volatile.Read(ref _words[i]) != 0)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Moves every set bit into another bitmap: each word is read and cleared in one atomic step, so that a
    /// bit set meanwhile is in this bitmap or in the target, never lost.</summary>
    /// <returns>How many bits were moved; those that the target had already count too.</returns>
    /// <exception cref="ArgumentException">The bitmaps have different lengths, or are the same.</exception>
    public long DrainInto(DirtyBitmap target) => DrainRangeInto(target, new PageRange(0, PageCount));

    /// <summary>Moves the set bits of a run of pages into another bitmap, as <see cref="DrainInto"/> does with all.</summary>
    /// <returns>How many bits were moved; those that the target had already count too.</returns>
    /// <exception cref="ArgumentException">The bitmaps have different lengths, or are the same.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The run is not within the bitmap.</exception>
    public long DrainRangeInto(DirtyBitmap target, PageRange range)
    {
        CheckSameLength(target);
        CheckRange(range);
        if (target == this)
        {
            throw new ArgumentException("A bitmap cannot be drained into itself.", nameof(target));
        }

        if (range.Count == 0)
        {
            return 0;
        }

        long first = range.Start >> 6;
        long end = ((range.End - 1) >> 6) + 1;
        long moved = 0;
        long i = first;
        while (i < end)
        {
            i = BitmapKernels.SkipUniform(_words, i, end, 0, _path);
            int words = (int)Math.Min(BitmapKernels.BlockWords, end - i);

            // An exchange costs some 3 ns and takes the cache line from the writers: only for words that need it.
            for (uint some = BitmapKernels.NonZeroWords(_words + i, words, _path); some != 0; some &= some - 1)
            {
                long word = i + BitOperations.TrailingZeroCount(some);
                ulong mask = word == first || word == end - 1 ? RangeWords.MaskOf(range, word) : ulong.MaxValue;
                ulong taken = mask == ulong.MaxValue
                    ? Interlocked.Exchange(ref _words[word], 0)
                    : Interlocked.And(ref _words[word], ~mask) & mask;
                target.SetBits(word, taken);
                moved += BitOperations.PopCount(taken);
            }

            i += words;
        }

        return moved;
    }

    /// <summary>Writes the maximal runs of set bits within a window, in address order, until the output is full.</summary>
    /// <param name="window">Which pages to look at.</param>
    /// <param name="runs">Receives the runs, cut at the window's edges; room for at least one. What lies behind the
    /// returned number of runs may be overwritten.</param>
    /// <param name="next">The page to continue from: <c>window.End</c> when the output was not filled, else the end of
    /// the last run.</param>
    /// <returns>How many runs were written.</returns>
    /// <exception cref="ArgumentException">The output is empty, or the window is not within the bitmap.</exception>
    public int ExtractRuns(PageRange window, Span<PageRange> runs, out long next)
    {
        CheckRange(window);
        if (runs.IsEmpty)
        {
            throw new ArgumentException("There must be room for at least one run.", nameof(runs));
        }

        return RunExtraction.Extract(_words, window, runs, out next, _path);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _limit = 0;
        NativeMemory.AlignedFree(_words);
        _words = null;
    }

    private void SetBits(long word, ulong bits)
    {
        ref ulong at = ref _words[word];
        if ((bits & ~Volatile.Read(ref at)) != 0)
        {
            Interlocked.Or(ref at, bits);
        }
    }

    private void ClearBits(long word, ulong bits)
    {
        ref ulong at = ref _words[word];
        if ((bits & Volatile.Read(ref at)) != 0)
        {
            Interlocked.And(ref at, ~bits);
        }
    }

    private void CheckSameLength(DirtyBitmap other)
    {
        ArgumentNullException.ThrowIfNull(other);
        CheckNotDisposed();
        other.CheckNotDisposed();
        if (other.PageCount != PageCount)
        {
            throw new ArgumentException($"The bitmaps cover {PageCount} and {other.PageCount} pages; both must cover the same memory.", nameof(other));
        }
    }

    private void CheckRange(PageRange range)
    {
        CheckNotDisposed();
        if ((ulong)range.Start > (ulong)PageCount || (ulong)range.Count > (ulong)(PageCount - range.Start))
        {
            throw new ArgumentOutOfRangeException(nameof(range), range, $"The bitmap covers pages 0 to {PageCount - 1}.");
        }
    }

    private void CheckNotDisposed() => ObjectDisposedException.ThrowIf(_limit == 0, this);

    [DoesNotReturn]
    private void ThrowNoSuchPage(long page)
    {
        CheckNotDisposed();
        throw new ArgumentOutOfRangeException(nameof(page), page, $"The bitmap covers pages 0 to {PageCount - 1}.");
    }
}
