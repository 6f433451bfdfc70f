using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace PageEngine.Bitmaps;

// Owns: the extraction of runs where the processor can compress the numbers 0 to 63 by a word's bits (AVX-512 VBMI2): the edges
// of a word come out at once, whatever their number, so that scattered pages cost no branch that cannot be predicted.

internal static unsafe class EdgeCompression
{
    // Written for every word, whether it has so many or not: a loop only where a quarter of a word's bits are edges.
    private const int AtOnce = 16;

    internal static bool IsSupported => Avx512Vbmi2.IsSupported;

    /// <summary>Writes the edges of whole blocks.</summary>
    /// <param name="words">The bitmap's words.</param>
    /// <param name="at">The first word of the first block; where the next one begins afterwards, or fewer words are left than a block has.</param>
    /// <param name="end">The end of the words.</param>
    /// <param name="edges">Receives them; what lies behind the last one, within the capacity, is overwritten.</param>
    /// <param name="capacity">How many fit: it goes on while there is room for the most that a block can have.</param>
    /// <param name="open">1 while a run is open.</param>
    /// <returns>How many were written.</returns>
    [SkipLocalsInit]
    internal static int WriteBlocks(ulong* words, ref long at, long end, long* edges, int capacity, ref ulong open)
    {
        Vector512<byte> numbers = Vector512.Create(
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
            32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, (byte)63);
        Vector512<byte> byteOfBit = Vector512.Create(
            0x0000_0000_0000_0000UL, 0x0101_0101_0101_0101UL, 0x0202_0202_0202_0202UL, 0x0303_0303_0303_0303UL,
            0x0404_0404_0404_0404UL, 0x0505_0505_0505_0505UL, 0x0606_0606_0606_0606UL, 0x0707_0707_0707_0707UL).AsByte();
        Vector512<byte> bitOfByte = Vector512.Create(0x8040_2010_0804_0201UL).AsByte();
        Vector512<ulong> wordBefore = Vector512.Create(7UL, 0, 1, 2, 3, 4, 5, 6);
        Vector512<ulong> firstOnly = Vector512.Create(1UL, 0, 0, 0, 0, 0, 0, 0);
        ulong* changes = stackalloc ulong[BitmapKernels.BlockWords];
        Vector512<ulong> carry = firstOnly * open;
        Vector512<ulong> uniform = Vector512.Create(0 - open);
        int used = 0;
        long i = at;

        // SAFETY: loads are of the words i to i+7 below the end. A block has at most 512 edges; a word at which u of them are
        // written has at most 64 itself, and what is stored for it ends before the block's 512th place.
        while (end - i >= BitmapKernels.BlockWords && capacity - used >= BitmapKernels.BlockWords * 64)
        {
            Vector512<ulong> block = Vector512.Load(words + i);
            if (block == uniform)
            {
                i += BitmapKernels.BlockWords;
                continue;
            }

            Vector512<ulong> tops = Avx512F.PermuteVar8x64(block >> 63, wordBefore);
            Vector512<ulong> before = (tops & ~firstOnly) | carry;
            carry = tops & firstOnly;
            uniform = Vector512.Create(0 - carry.ToScalar());
            (block ^ ((block << 1) | before)).Store(changes);
            Vector512<long> first = Vector512.Create(i << 6);
            for (int word = 0; word < BitmapKernels.BlockWords; word++)
            {
                ulong bits = changes[word];
                Vector512<byte> mask = Avx512BW.Shuffle(Vector512.Create(bits).AsByte(), byteOfBit) & bitOfByte;
                Vector512<byte> found = Avx512Vbmi2.Compress(Vector512<byte>.Zero, Vector512.Equals(mask, bitOfByte), numbers);
                (Avx512F.ConvertToVector512Int64(found.GetLower().GetLower()) + first).Store(edges + used);
                (Avx512F.ConvertToVector512Int64(Sse2.ShiftRightLogical128BitLane(found.GetLower().GetLower(), 8)) + first).Store(edges + used + 8);
                int count = BitOperations.PopCount(bits);
                if (count > AtOnce)
                {
                    WriteRest(found, first, edges + used, count);
                }

                used += count;
                first += Vector512.Create(64L);
            }

            i += BitmapKernels.BlockWords;
        }

        at = i;
        open = carry.ToScalar();
        return used;
    }

    private static void WriteRest(Vector512<byte> found, Vector512<long> first, long* edges, int count)
    {
        byte* numbers = stackalloc byte[64];
        found.Store(numbers);
        for (int written = AtOnce; written < count; written += 8)
        {
            (Avx512F.ConvertToVector512Int64(Vector128.CreateScalarUnsafe(*(ulong*)(numbers + written)).AsByte()) + first).Store(edges + written);
        }
    }
}
