namespace PageEngine.EmbeddedGuest.Workloads;

// Owns: the fixed cycle in which a virtual CPU's operations belong to the parts of a mixed workload. Immutable.

internal sealed class Interleave
{
    /// <summary>Operations in a cycle; a power of two. A part's share is off by at most one operation in it.</summary>
    internal const int CycleLength = 4096;

    private readonly byte[] _parts = new byte[CycleLength];
    private readonly ushort[] _ranks = new ushort[CycleLength];
    private readonly int[] _counts;

    /// <param name="weights">The parts' weights, each above zero; fewer than 256.</param>
    internal Interleave(ReadOnlySpan<long> weights)
    {
        _counts = Apportion(weights);

        // Smooth weighted round robin: in each step every part earns its count, and the richest one pays for the slot.
        int[] credit = new int[weights.Length];
        ushort[] used = new ushort[weights.Length];
        for (int slot = 0; slot < CycleLength; slot++)
        {
            int richest = 0;
            for (int i = 0; i < credit.Length; i++)
            {
                credit[i] += _counts[i];
                richest = credit[i] > credit[richest] ? i : richest;
            }

            credit[richest] -= CycleLength;
            _parts[slot] = (byte)richest;
            _ranks[slot] = used[richest]++;
        }
    }

    /// <summary>Which part the operation at a slot of the cycle belongs to.</summary>
    internal int PartAt(int slot) => _parts[slot];

    /// <summary>How many earlier slots of the cycle belong to the same part.</summary>
    internal int RankAt(int slot) => _ranks[slot];

    /// <summary>How many slots of a cycle belong to a part.</summary>
    internal int CountOf(int part) => _counts[part];

    // Largest remainders, but nobody gets nothing. In decimal: a product of two whole numbers and a remainder are exact in it, and
    // what uses Int128 is not compiled ahead of time.
    private static int[] Apportion(ReadOnlySpan<long> weights)
    {
        decimal total = 0;
        foreach (long weight in weights)
        {
            total += weight;
        }

        int[] counts = new int[weights.Length];
        decimal[] remainders = new decimal[weights.Length];
        int given = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            decimal product = (decimal)weights[i] * CycleLength;
            decimal remainder = product % total;
            counts[i] = Math.Max(1, (int)((product - remainder) / total));
            remainders[i] = counts[i] * total > product ? 0 : remainder;
            given += counts[i];
        }

        while (given != CycleLength)
        {
            int chosen = 0;
            for (int i = 1; i < counts.Length; i++)
            {
                bool better = given < CycleLength ? remainders[i] > remainders[chosen] : counts[i] > counts[chosen];
                chosen = better ? i : chosen;
            }

            int step = given < CycleLength ? 1 : -1;
            counts[chosen] += step;
            given += step;
            remainders[chosen] = -1;
        }

        return counts;
    }
}
