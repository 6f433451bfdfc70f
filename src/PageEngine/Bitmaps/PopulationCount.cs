using System.Numerics;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace PageEngine.Bitmaps;

// Owns: counting the set bits of many words. .NET 10 has no vector population count on x64, so vectors look each half
// byte up in a table of 16 (a byte shuffle) and add the bytes up with a sum of absolute differences.

internal static unsafe class PopulationCount
{
    /// <summary>Counts the set bits of words.</summary>
    /// <param name="words">The words.</param>
    /// <param name="count">How many.</param>
    /// <param name="path">Which implementation to use; it must be supported.</param>
    internal static long Of(ulong* words, long count, VectorPath path)
    {
        // SAFETY: each path reads whole vectors within the words and says how far it came; the rest is read one by one.
        long total = 0;
        long i = path switch
        {
            VectorPath.Vector512 => Count512(words, count, out total),
            VectorPath.Vector256 => Count256(words, count, out total),
            VectorPath.Vector128 => Count128(words, count, out total),
            _ => 0,
        };
        for (; i < count; i++)
        {
            total += BitOperations.PopCount(words[i]);
        }

        return total;
    }

    private static long Count512(ulong* words, long count, out long total)
    {
        Vector512<byte> table = Vector512.Create(Table256, Table256);
        Vector512<byte> low = Vector512.Create((byte)0x0F);
        Vector512<ulong> sum = Vector512<ulong>.Zero;
        long i = 0;

        // Two vectors at a time: a byte holds at most 8 for each, far below its limit, and one sum serves both.
        for (; i + 16 <= count; i += 16)
        {
            Vector512<byte> a = Vector512.Load((byte*)(words + i));
            Vector512<byte> b = Vector512.Load((byte*)(words + i + 8));
            Vector512<byte> bytes =
                Avx512BW.Shuffle(table, a & low) + Avx512BW.Shuffle(table, (a.AsUInt16() >> 4).AsByte() & low)
                + Avx512BW.Shuffle(table, b & low) + Avx512BW.Shuffle(table, (b.AsUInt16() >> 4).AsByte() & low);
            sum += Avx512BW.SumAbsoluteDifferences(bytes, Vector512<byte>.Zero).AsUInt64();
        }

        total = (long)Vector512.Sum(sum);
        return i;
    }

    private static long Count256(ulong* words, long count, out long total)
    {
        Vector256<byte> table = Table256;
        Vector256<byte> low = Vector256.Create((byte)0x0F);
        Vector256<ulong> sum = Vector256<ulong>.Zero;
        long i = 0;
        for (; i + 8 <= count; i += 8)
        {
            Vector256<byte> a = Vector256.Load((byte*)(words + i));
            Vector256<byte> b = Vector256.Load((byte*)(words + i + 4));
            Vector256<byte> bytes =
                Avx2.Shuffle(table, a & low) + Avx2.Shuffle(table, (a.AsUInt16() >> 4).AsByte() & low)
                + Avx2.Shuffle(table, b & low) + Avx2.Shuffle(table, (b.AsUInt16() >> 4).AsByte() & low);
            sum += Avx2.SumAbsoluteDifferences(bytes, Vector256<byte>.Zero).AsUInt64();
        }

        total = (long)Vector256.Sum(sum);
        return i;
    }

    private static long Count128(ulong* words, long count, out long total)
    {
        Vector128<ulong> sum = Vector128<ulong>.Zero;
        long i = 0;
        if (AdvSimd.IsSupported)
        {
            for (; i + 2 <= count; i += 2)
            {
                Vector128<byte> bytes = AdvSimd.PopCount(Vector128.Load((byte*)(words + i)));
                sum += AdvSimd.AddPairwiseWidening(AdvSimd.AddPairwiseWidening(AdvSimd.AddPairwiseWidening(bytes)));
            }
        }
        else
        {
            Vector128<byte> table = Table128;
            Vector128<byte> low = Vector128.Create((byte)0x0F);
            for (; i + 2 <= count; i += 2)
            {
                Vector128<byte> a = Vector128.Load((byte*)(words + i));
                Vector128<byte> bytes = Ssse3.Shuffle(table, a & low) + Ssse3.Shuffle(table, (a.AsUInt16() >> 4).AsByte() & low);
                sum += Sse2.SumAbsoluteDifferences(bytes, Vector128<byte>.Zero).AsUInt64();
            }
        }

        total = (long)Vector128.Sum(sum);
        return i;
    }

    private static Vector128<byte> Table128 => Vector128.Create((byte)0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);

    private static Vector256<byte> Table256 => Vector256.Create(Table128, Table128);
}
