using System.Numerics;
using PageEngine.Memory;

namespace PageEngine.Bitmaps;

// Owns: the way from bits to runs of pages. A word is turned into its edges, the places where a bit differs from the one
// before it: the edges are the runs' starts and ends in turn, so they are written one after the other into the output,
// and one last pass makes counts of the ends.

internal static unsafe class RunExtraction
{
    /// <summary>Writes the maximal runs of set bits of a window, in order, until the output is full.</summary>
    /// <param name="words">The bitmap's words.</param>
    /// <param name="window">Which bits to look at; within the bitmap.</param>
    /// <param name="runs">Receives the runs; at least one fits.</param>
    /// <param name="next">Where to continue; the window's end when the last run was written before the output was full.</param>
    /// <param name="path">Which implementation to use.</param>
    /// <returns>How many runs were written.</returns>
    internal static int Extract(ulong* words, PageRange window, Span<PageRange> runs, out long next, VectorPath path)
    {
        next = window.End;
        if (window.Count == 0)
        {
            return 0;
        }

        long first = window.Start >> 6;
        long last = (window.End - 1) >> 6;

        // SAFETY: words first to last lie in the bitmap. A PageRange is two longs, start and count, so the output has room
        // for twice as many edges as runs; AppendEdges keeps within `capacity`.
        fixed (PageRange* output = runs)
        {
            long* edges = (long*)output;
            int capacity = 2 * runs.Length;
            int used = 0;
            ulong open = 0; // 1 while a run is open
            long i = first;
            while (i <= last && used < capacity)
            {
                if (i != first)
                {
                    // The words between the masked ones: nothing to write where all are clear (or, in a run, all set).
                    i = BitmapKernels.SkipUniform(words, i, last, 0 - open, path);
                }

                long blockEnd = Math.Min(i + BitmapKernels.BlockWords, last + 1);
                for (; i < blockEnd && used < capacity; i++)
                {
                    ulong word = Volatile.Read(ref words[i]);
                    if (i == first || i == last)
                    {
                        word &= RangeWords.MaskOf(window, i);
                    }

                    used = AppendEdges(word ^ ((word << 1) | open), i << 6, edges, used, capacity);
                    open = word >> 63;
                }
            }

            if (used == capacity)
            {
                next = edges[used - 1];
            }
            else if ((used & 1) != 0)
            {
                edges[used++] = window.End;
            }

            for (int run = 0; run < used; run += 2)
            {
                edges[run + 1] -= edges[run];
            }

            return used / 2;
        }
    }

    private static int AppendEdges(ulong bits, long firstBit, long* edges, int used, int capacity)
    {
        int count = BitOperations.PopCount(bits);
        if (capacity - used < 64)
        {
            for (; bits != 0 && used < capacity; bits &= bits - 1)
            {
                edges[used++] = firstBit + BitOperations.TrailingZeroCount(bits);
            }

            return used;
        }

        // Four at a time whether or not there are so many: the count is hard to predict, a store too many costs nothing,
        // and the next word overwrites it. A word has at most 64 edges, so 64 places are room enough.
        long* at = edges + used;
        for (int written = 0; written < count; written += 4, at += 4)
        {
            at[0] = firstBit + BitOperations.TrailingZeroCount(bits);
            bits &= bits - 1;
            at[1] = firstBit + BitOperations.TrailingZeroCount(bits);
            bits &= bits - 1;
            at[2] = firstBit + BitOperations.TrailingZeroCount(bits);
            bits &= bits - 1;
            at[3] = firstBit + BitOperations.TrailingZeroCount(bits);
            bits &= bits - 1;
        }

        return used + count;
    }
}
