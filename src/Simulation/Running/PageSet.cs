using System.Numerics;

namespace PageEngine.Simulation.Running;

// Owns: a set of page numbers, a bit each.

internal sealed class PageSet(int pages)
{
    private readonly ulong[] _words = new ulong[(pages + 63) / 64];

    public int Count { get; private set; }

    public bool Add(int page)
    {
        ref ulong word = ref _words[page >> 6];
        ulong bit = 1ul << (page & 63);
        if ((word & bit) != 0)
        {
            return false;
        }

        word |= bit;
        Count++;
        return true;
    }

    public void AddAll()
    {
        for (int page = 0; page < pages; page++)
        {
            Add(page);
        }
    }

    public void Clear()
    {
        Array.Clear(_words);
        Count = 0;
    }

    /// <summary>Empties the set into an array, lowest page first.</summary>
    public int[] Drain()
    {
        int[] taken = new int[Count];
        int at = 0;
        for (int i = 0; i < _words.Length; i++)
        {
            for (ulong word = _words[i]; word != 0; word &= word - 1)
            {
                taken[at++] = (i << 6) + BitOperations.TrailingZeroCount(word);
            }

            _words[i] = 0;
        }

        Count = 0;
        return taken;
    }

    /// <summary>Moves all pages of another set into this one.</summary>
    public int TakeAll(PageSet other)
    {
        int moved = other.Count;
        for (int i = 0; i < _words.Length; i++)
        {
            ulong fresh = other._words[i] & ~_words[i];
            _words[i] |= fresh;
            Count += BitOperations.PopCount(fresh);
            other._words[i] = 0;
        }

        other.Count = 0;
        return moved;
    }
}
