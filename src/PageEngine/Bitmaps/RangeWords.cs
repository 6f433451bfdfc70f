using PageEngine.Memory;

namespace PageEngine.Bitmaps;

// Owns: the way from a run of pages to words and the bits of each that belong to the run.

/// <summary>Enumerates the words of a run.</summary>
internal struct RangeWords
{
    private readonly PageRange _range;
    private readonly long _last;

    internal RangeWords(PageRange range)
    {
        _range = range;
        _last = range.Count == 0 ? -1 : (range.End - 1) >> 6;
        Word = (range.Start >> 6) - 1;
    }

    /// <summary>Gets the word's index.</summary>
    internal long Word { get; private set; }

    /// <summary>Gets the bits of the word that belong to the run.</summary>
    internal readonly ulong Mask => MaskOf(_range, Word);

    internal bool MoveNext() => ++Word <= _last;

    /// <summary>Gets the bits of a word that belong to a run which has pages in that word.</summary>
    internal static ulong MaskOf(PageRange range, long word)
    {
        long firstBit = word << 6;
        ulong mask = ulong.MaxValue;
        if (range.Start > firstBit)
        {
            mask <<= (int)(range.Start - firstBit);
        }

        if (range.End < firstBit + 64)
        {
            mask &= ulong.MaxValue >> (int)(firstBit + 64 - range.End);
        }

        return mask;
    }
}
