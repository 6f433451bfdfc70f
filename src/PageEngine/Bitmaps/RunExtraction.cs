using System.Numerics;
using System.Runtime.CompilerServices;
using PageEngine.Memory;

namespace PageEngine.Bitmaps;

// Owns: the way from bits to runs of pages. A word is turned into its edges, the places where a bit differs from the one
// before it: the edges are the runs' starts and ends in turn, which is what a PageRange is made of, so they are written one
// after the other into the output.

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

        // SAFETY: words first to last lie in the bitmap. A PageRange is two longs, start and end, so the output has room
        // for twice as many edges as runs; a word or a block is written without a check only where all the edges that it
        // can have (64 a word) fit.
        fixed (PageRange* output = runs)
        {
            long* edges = (long*)output;
            int capacity = 2 * runs.Length;
            int used = 0;
            ulong open = 0; // 1 while a run is open
            long i = first;
            while (i <= last && used < capacity)
            {
                // Nothing to write where all words are clear (or, in a run, all set).
                if (i != first && path == VectorPath.Vector512 && EdgeCompression.IsSupported && capacity - used >= BitmapKernels.BlockWords * 64)
                {
                    used += EdgeCompression.WriteBlocks(words, ref i, last, edges + used, capacity - used, ref open);
                }
                else
                {
                    i = i == first ? i : BitmapKernels.SkipUniform(words, i, last, 0 - open, path);
                }

                if (i != first && last - i >= BitmapKernels.BlockWords && capacity - used >= BitmapKernels.BlockWords * 64)
                {
                    used += WriteBlock(words + i, i << 6, edges + used, ref open);
                    i += BitmapKernels.BlockWords;
                }
                else
                {
                    ulong word = Volatile.Read(ref words[i]);
                    if (i == first || i == last)
                    {
                        word &= RangeWords.MaskOf(window, i);
                    }

                    ulong bits = word ^ ((word << 1) | open);
                    if (capacity - used >= 64)
                    {
                        used += WriteEdges(bits, i << 6, edges + used);
                    }
                    else
                    {
                        for (; bits != 0 && used < capacity; bits &= bits - 1)
                        {
                            edges[used++] = (i << 6) + BitOperations.TrailingZeroCount(bits);
                        }
                    }

                    open = word >> 63;
                    i++;
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

            return used / 2;
        }
    }

    // Which words have edges is found without a branch, for all of the block; then only those are visited. Where dirty pages are
    // scattered, the branch that is saved costs more than all the rest.
    [SkipLocalsInit]
    private static int WriteBlock(ulong* words, long firstBit, long* edges, ref ulong open)
    {
        ulong* bits = stackalloc ulong[BitmapKernels.BlockWords];
        uint some = 0;
        ulong carry = open;
        for (int i = 0; i < BitmapKernels.BlockWords; i++)
        {
            ulong word = Volatile.Read(ref words[i]);
            ulong changes = word ^ ((word << 1) | carry);
            carry = word >> 63;
            bits[i] = changes;
            some |= (changes != 0 ? 1u : 0u) << i;
        }

        open = carry;
        int used = 0;
        for (; some != 0; some &= some - 1)
        {
            int i = BitOperations.TrailingZeroCount(some);
            used += WriteEdges(bits[i], firstBit + (i << 6), edges + used);
        }

        return used;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int WriteEdges(ulong bits, long firstBit, long* edges)
    {
        // Four at a time, and the first four whether or not there are so many: how many there are is hard to predict, a
        // store too many costs little, and the next word overwrites it. A word has at most 64 edges.
        int count = BitOperations.PopCount(bits);
        int written = 0;
        do
        {
            edges[written] = firstBit + (uint)BitOperations.TrailingZeroCount(bits);
            bits &= bits - 1;
            edges[written + 1] = firstBit + (uint)BitOperations.TrailingZeroCount(bits);
            bits &= bits - 1;
            edges[written + 2] = firstBit + (uint)BitOperations.TrailingZeroCount(bits);
            bits &= bits - 1;
            edges[written + 3] = firstBit + (uint)BitOperations.TrailingZeroCount(bits);
            bits &= bits - 1;
            written += 4;
        }
        while (written < count);
        return count;
    }
}
