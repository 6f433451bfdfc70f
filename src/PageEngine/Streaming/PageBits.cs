using System.Numerics;
using PageEngine.Bitmaps;
using PageEngine.Memory;

namespace PageEngine.Streaming;

// Owns: two questions that streams ask of a bitmap and that a bitmap itself does not answer.

internal static unsafe class PageBits
{
    /// <summary>Sets a run of bits and counts those that were not set before: several streams may set bits of one word.</summary>
    internal static long SetAndCountNew(DirtyBitmap bitmap, PageRange range)
    {
        long added = 0;
        for (long word = range.Start >> 6; word <= (range.End - 1) >> 6; word++)
        {
            ulong mask = Mask(range, word);
            // SAFETY: the caller checked the run against the layout, and the bitmap covers the layout.
            added += BitOperations.PopCount(~Interlocked.Or(ref bitmap.Words[word], mask) & mask);
        }

        return added;
    }

    /// <summary>Gets the first page from <paramref name="from"/> on whose bit has the value; <paramref name="end"/> if none before it.</summary>
    internal static long IndexOf(DirtyBitmap bitmap, bool value, long from, long end)
    {
        ulong flip = value ? 0 : ulong.MaxValue;
        for (long page = from; page < end; page = (page | 63) + 1)
        {
            // SAFETY: page < end, which lies within the bitmap.
            ulong word = (Volatile.Read(ref bitmap.Words[page >> 6]) ^ flip) >> (int)(page & 63);
            if (word != 0)
            {
                return Math.Min(end, page + BitOperations.TrailingZeroCount(word));
            }
        }

        return end;
    }

    private static ulong Mask(PageRange range, long word)
    {
        long first = Math.Max(range.Start - (word << 6), 0);
        long bits = Math.Min(range.End - (word << 6), 64) - first;
        return (ulong.MaxValue >> (int)(64 - bits)) << (int)first;
    }
}
