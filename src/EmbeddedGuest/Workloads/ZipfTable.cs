using PageEngine.EmbeddedGuest.Operations;

namespace PageEngine.EmbeddedGuest.Workloads;

// Owns: drawing ranks by Zipf's law in constant time, without floating point in the draw. Immutable.
// The first 1024 ranks have a bucket each, the others share 1024 buckets that grow geometrically and are uniform
// inside (each 1.4 % of its first rank wide in a guest of 8 TiB). A bucket is drawn by the alias method (Walker 1977,
// with the table of Vose 1991).

internal sealed class ZipfTable
{
    private const int BucketBits = 11;
    private const int BucketCount = 1 << BucketBits;
    private const int ExactRanks = 1024;
    private const ulong Certain = 1UL << 32;

    private readonly Bucket[] _buckets = new Bucket[BucketCount];

    internal ZipfTable(long ranks, double skew)
    {
        double[] mass = new double[BucketCount];
        double growth = ranks <= BucketCount
            ? 0
            : PortableMath.Exp(PortableMath.Log((double)ranks / ExactRanks) / (BucketCount - ExactRanks)) - 1;
        double total = 0;
        long start = 0;
        for (int i = 0; i < BucketCount && start < ranks; i++)
        {
            long left = ranks - start;
            long length = i < ExactRanks ? 1 : Math.Min(left, Math.Max(1, (long)Math.Ceiling(start * growth)));
            length = i == BucketCount - 1 ? left : length;
            _buckets[i].Start = start;
            _buckets[i].Length = length;

            // The middle rank stands for all of a narrow bucket.
            mass[i] = length * PortableMath.InversePower(start + ((length + 1) / 2.0), skew);
            total += mass[i];
            start += length;
        }

        FillThresholds(mass, total);
    }

    /// <summary>Draws a rank, 0 being the most frequent one.</summary>
    /// <param name="random">64 random bits.</param>
    internal long Draw(ulong random)
    {
        uint coin = (uint)(random >> (32 - BucketBits));
        ref readonly Bucket drawn = ref _buckets[(int)(random >> (64 - BucketBits))];
        if (coin >= drawn.Threshold)
        {
            drawn = ref _buckets[drawn.Alias];
        }

        // The bits that chose the bucket are stirred in, because the 21 others are fewer than the widest bucket needs.
        return drawn.Start + Mixer.Below((uint)((random * Mixer.Golden) >> 32), drawn.Length);
    }

    // Each bucket gets the same chance of being looked at; it keeps the share that is its own and hands the rest to
    // an alias that has too much.
    private void FillThresholds(double[] mass, double total)
    {
        double[] share = new double[BucketCount];
        int[] small = new int[BucketCount];
        int[] large = new int[BucketCount];
        int smallCount = 0;
        int largeCount = 0;
        void Put(int bucket)
        {
            if (share[bucket] < 1)
            {
                small[smallCount++] = bucket;
            }
            else
            {
                large[largeCount++] = bucket;
            }
        }

        for (int i = 0; i < BucketCount; i++)
        {
            share[i] = mass[i] * BucketCount / total;
            _buckets[i].Alias = i;
            _buckets[i].Threshold = Certain;
            Put(i);
        }

        while (smallCount > 0 && largeCount > 0)
        {
            int poor = small[--smallCount];
            int rich = large[--largeCount];
            _buckets[poor].Threshold = (ulong)(share[poor] * Certain);
            _buckets[poor].Alias = rich;
            share[rich] -= 1 - share[poor];
            Put(rich);
        }

        // Rounding can leave a bucket in either stack; its share is 1 but for that rounding. An unused bucket is never
        // left over: the stacks' last entries are the rich ones that were pushed back. Should it be, it draws rank 0.
        foreach (int i in small.AsSpan(0, smallCount))
        {
            if (mass[i] == 0)
            {
                _buckets[i].Alias = 0;
                _buckets[i].Threshold = 0;
            }
        }
    }

    private struct Bucket
    {
        internal long Start;
        internal long Length;
        internal ulong Threshold;
        internal int Alias;
    }
}
