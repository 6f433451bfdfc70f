using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace PageEngine.Bitmaps;

// Owns: the extraction of runs where the processor can compress the numbers 0 to 63 by a word's bits (AVX-512 VBMI2). Three
// shapes of bitmap, each at its own price: words without an edge are found eight at a time; a word with few edges writes four
// places whether it has so many or not; one with more writes them all at once. None asks for the number of edges in a loop: a
// branch that cannot be predicted costs as much as ten edges.

internal static unsafe class EdgeCompression
{
    private const int Few = 4;

    private const int AtOnce = 16;

    // From so many words with edges on all eight are visited, which needs no branch.
    private const int MostWords = 2;

    internal static bool IsSupported => Avx512Vbmi2.IsSupported && Avx512BW.IsSupported && Bmi1.X64.IsSupported && Popcnt.X64.IsSupported;

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
        Vector512<ulong> wordBefore = Vector512.Create(7UL, 0, 1, 2, 3, 4, 5, 6);
        Vector512<ulong> firstOnly = Vector512.Create(1UL, 0, 0, 0, 0, 0, 0, 0);
        ulong* changes = stackalloc ulong[BitmapKernels.BlockWords];
        byte* rest = stackalloc byte[64];
        Vector512<ulong> carry = firstOnly * open;
        ulong* next = words + at;
        ulong* last = words + end - BitmapKernels.BlockWords;
        long* write = edges;
        long* full = edges + capacity - (BitmapKernels.BlockWords * 64);

        // SAFETY: loads are of the eight words from next on, and next <= last leaves eight. A block has at most 512 edges, for which
        // there is room while write <= full; what a word stores beyond its own edges ends before the block's 512th place, because
        // the words before it have at most 64 each.
        while (true)
        {
            next = SkipUniform(next, last, Avx512F.BroadcastScalarToVector512((Vector512<ulong>.Zero - carry).GetLower().GetLower()));
            if (next > last || write > full)
            {
                break;
            }

            Vector512<ulong> block = Vector512.Load(next);
            Vector512<ulong> tops = Avx512F.PermuteVar8x64(block >> 63, wordBefore);
            Vector512<ulong> before = (tops & ~firstOnly) | carry;
            carry = tops & firstOnly;
            Vector512<ulong> edge = block ^ ((block << 1) | before);
            edge.Store(changes);
            long firstBit = (next - words) << 6;
            uint some = (uint)(~Vector512.Equals(edge, Vector512<ulong>.Zero).ExtractMostSignificantBits() & 0xFF);
            if (Popcnt.PopCount(some) >= MostWords)
            {
                write = WriteWords(changes, changes + BitmapKernels.BlockWords, firstBit, write, rest);
            }
            else if (some != 0)
            {
                uint word = Bmi1.TrailingZeroCount(some);
                write = WriteWords(changes + word, changes + word + 1, firstBit + (word << 6), write, rest);
            }

            next += BitmapKernels.BlockWords;
        }

        at = next - words;
        open = carry.ToScalar();
        return (int)(write - edges);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong* SkipUniform(ulong* next, ulong* last, Vector512<ulong> uniform)
    {
        while (next <= last && Vector512.Load(next) == uniform)
        {
            next += BitmapKernels.BlockWords;
        }

        return next;
    }

    // Calls nothing, so that all it counts with stays in registers: through memory, the place to write to would be the slowest part.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long* WriteWords(ulong* changes, ulong* end, long firstBit, long* write, byte* rest)
    {
        do
        {
            ulong bits = *changes;
            long count = (long)Popcnt.X64.PopCount(bits);
            if (count > Few)
            {
                WriteMany(bits, firstBit, write, count, rest);
            }
            else
            {
                write[0] = firstBit + (long)Bmi1.X64.TrailingZeroCount(bits);
                bits = Bmi1.X64.ResetLowestSetBit(bits);
                write[1] = firstBit + (long)Bmi1.X64.TrailingZeroCount(bits);
                bits = Bmi1.X64.ResetLowestSetBit(bits);
                write[2] = firstBit + (long)Bmi1.X64.TrailingZeroCount(bits);
                bits = Bmi1.X64.ResetLowestSetBit(bits);
                write[3] = firstBit + (long)Bmi1.X64.TrailingZeroCount(bits);
            }

            write += count;
            firstBit += 64;
        }
        while (++changes != end);
        return write;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteMany(ulong bits, long firstBit, long* write, long count, byte* rest)
    {
        Vector512<byte> numbers = Vector512.Create(
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
            32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, (byte)63);
        Vector512<byte> byteOfBit = Vector512.Create(
            0x0000_0000_0000_0000UL, 0x0101_0101_0101_0101UL, 0x0202_0202_0202_0202UL, 0x0303_0303_0303_0303UL,
            0x0404_0404_0404_0404UL, 0x0505_0505_0505_0505UL, 0x0606_0606_0606_0606UL, 0x0707_0707_0707_0707UL).AsByte();
        Vector512<byte> bitOfByte = Vector512.Create(0x8040_2010_0804_0201UL).AsByte();
        Vector512<byte> mask = Avx512BW.Shuffle(Vector512.Create(bits).AsByte(), byteOfBit) & bitOfByte;
        Vector512<byte> found = Avx512Vbmi2.Compress(Vector512<byte>.Zero, Vector512.Equals(mask, bitOfByte), numbers);
        Vector512<long> first = Vector512.Create(firstBit);
        Vector128<byte> sixteen = found.GetLower().GetLower();
        (Avx512F.ConvertToVector512Int64(sixteen) + first).Store(write);
        (Avx512F.ConvertToVector512Int64(Sse2.ShiftRightLogical128BitLane(sixteen, 8)) + first).Store(write + 8);
        if (count > AtOnce)
        {
            found.Store(rest);
            for (long written = AtOnce; written < count; written += 8)
            {
                (Avx512F.ConvertToVector512Int64(Vector128.CreateScalarUnsafe(*(ulong*)(rest + written)).AsByte()) + first).Store(write + written);
            }
        }
    }
}
