using System.Runtime.Intrinsics;

namespace PageEngine.Bitmaps;

// Owns: the questions that a bitmap asks of many words at once. Each looks at blocks of eight words (one cache line) and
// says where the first interesting block starts; the caller then works on that block word by word, atomically where it
// must. Words may change meanwhile: a vector sees each of them before or after the change, and the caller reads again.

internal static unsafe class BitmapKernels
{
    /// <summary>How many words the callers treat as one block.</summary>
    internal const int BlockWords = 8;

    /// <summary>Finds the first block in which a word differs from a value.</summary>
    /// <param name="words">The words; readable from <paramref name="from"/> to <paramref name="to"/>.</param>
    /// <param name="from">Where the first block starts.</param>
    /// <param name="to">The end of the words.</param>
    /// <param name="value">What every word of an uninteresting block is: usually 0 or all ones.</param>
    /// <param name="path">Which implementation to use.</param>
    /// <returns>The first word of that block, or of the fewer than <see cref="BlockWords"/> words that are left.</returns>
    internal static long SkipUniform(ulong* words, long from, long to, ulong value, VectorPath path)
    {
        // SAFETY: every load is of the words i to i+7, and the loops end while to - i is at least 8.
        long i = from;
        switch (path)
        {
            case VectorPath.Vector512:
                Vector512<ulong> value512 = Vector512.Create(value);
                while (to - i >= BlockWords && Vector512.EqualsAll(Vector512.Load(words + i), value512))
                {
                    i += BlockWords;
                }

                break;
            case VectorPath.Vector256:
                Vector256<ulong> value256 = Vector256.Create(value);
                while (to - i >= BlockWords
                    && ((Vector256.Load(words + i) ^ value256) | (Vector256.Load(words + i + 4) ^ value256)) == Vector256<ulong>.Zero)
                {
                    i += BlockWords;
                }

                break;
            case VectorPath.Vector128:
                Vector128<ulong> value128 = Vector128.Create(value);
                while (to - i >= BlockWords
                    && ((Vector128.Load(words + i) ^ value128) | (Vector128.Load(words + i + 2) ^ value128)
                        | (Vector128.Load(words + i + 4) ^ value128) | (Vector128.Load(words + i + 6) ^ value128)) == Vector128<ulong>.Zero)
                {
                    i += BlockWords;
                }

                break;
            default:
                while (to - i >= BlockWords
                    && ((words[i] ^ value) | (words[i + 1] ^ value) | (words[i + 2] ^ value) | (words[i + 3] ^ value)
                        | (words[i + 4] ^ value) | (words[i + 5] ^ value) | (words[i + 6] ^ value) | (words[i + 7] ^ value)) == 0)
                {
                    i += BlockWords;
                }

                break;
        }

        return i;
    }

    /// <summary>Finds the words of a block that are not zero.</summary>
    /// <param name="words">The block.</param>
    /// <param name="count">How many words it has: <see cref="BlockWords"/>, or fewer at the end.</param>
    /// <param name="path">Which implementation to use.</param>
    /// <returns>A bit for each such word.</returns>
    internal static uint NonZeroWords(ulong* words, int count, VectorPath path)
    {
        // SAFETY: the caller's block has so many words.
        if (path == VectorPath.Vector512 && count == BlockWords)
        {
            return (uint)~Vector512.Equals(Vector512.Load(words), Vector512<ulong>.Zero).ExtractMostSignificantBits() & 0xFF;
        }

        uint some = 0;
        for (int i = 0; i < count; i++)
        {
            some |= (Volatile.Read(ref words[i]) != 0 ? 1u : 0u) << i;
        }

        return some;
    }

    /// <summary>Finds the first block in which a word of one bitmap has a bit in common with the other bitmap's word,
    /// flipped by a mask. Mask 0: a bit that both have set. Mask of all ones: a bit that only the first has.</summary>
    /// <param name="words">The first bitmap; readable from <paramref name="from"/> to <paramref name="to"/>.</param>
    /// <param name="other">The other bitmap; as long.</param>
    /// <param name="from">Where the first block starts.</param>
    /// <param name="to">The end of the words.</param>
    /// <param name="flip">The mask: 0 or all ones.</param>
    /// <param name="path">Which implementation to use.</param>
    /// <returns>The first word of that block, or of the fewer than <see cref="BlockWords"/> words that are left.</returns>
    internal static long SkipDisjoint(ulong* words, ulong* other, long from, long to, ulong flip, VectorPath path)
    {
        // SAFETY: every load is of the words i to i+7 of either bitmap, and the loops end while to - i is at least 8.
        long i = from;
        switch (path)
        {
            case VectorPath.Vector512:
                Vector512<ulong> flip512 = Vector512.Create(flip);
                while (to - i >= BlockWords
                    && (Vector512.Load(words + i) & (Vector512.Load(other + i) ^ flip512)) == Vector512<ulong>.Zero)
                {
                    i += BlockWords;
                }

                break;
            case VectorPath.Vector256:
                Vector256<ulong> flip256 = Vector256.Create(flip);
                while (to - i >= BlockWords
                    && ((Vector256.Load(words + i) & (Vector256.Load(other + i) ^ flip256))
                        | (Vector256.Load(words + i + 4) & (Vector256.Load(other + i + 4) ^ flip256))) == Vector256<ulong>.Zero)
                {
                    i += BlockWords;
                }

                break;
            case VectorPath.Vector128:
                Vector128<ulong> flip128 = Vector128.Create(flip);
                while (to - i >= BlockWords
                    && ((Vector128.Load(words + i) & (Vector128.Load(other + i) ^ flip128))
                        | (Vector128.Load(words + i + 2) & (Vector128.Load(other + i + 2) ^ flip128))
                        | (Vector128.Load(words + i + 4) & (Vector128.Load(other + i + 4) ^ flip128))
                        | (Vector128.Load(words + i + 6) & (Vector128.Load(other + i + 6) ^ flip128))) == Vector128<ulong>.Zero)
                {
                    i += BlockWords;
                }

                break;
            default:
                while (to - i >= BlockWords
                    && ((words[i] & (other[i] ^ flip)) | (words[i + 1] & (other[i + 1] ^ flip))
                        | (words[i + 2] & (other[i + 2] ^ flip)) | (words[i + 3] & (other[i + 3] ^ flip))
                        | (words[i + 4] & (other[i + 4] ^ flip)) | (words[i + 5] & (other[i + 5] ^ flip))
                        | (words[i + 6] & (other[i + 6] ^ flip)) | (words[i + 7] & (other[i + 7] ^ flip))) == 0)
                {
                    i += BlockWords;
                }

                break;
        }

        return i;
    }
}
