using System.Runtime.InteropServices;
using SharpFuzz.Common;

namespace PageEngine.Checkpoints.Tests;

// Owns: which branches of the reader one file takes, and whether it is the first to take one, or takes it more often than any before.
// eng/fuzz puts the counting into a copy of the library (SharpFuzz); in ordinary runs nothing counts, and nothing is ever new. The
// counters are the process's: one thread.

internal sealed unsafe class BranchCoverage
{
    private const int Counters = 1 << 16;

    private static readonly byte* _counts = Prepare();
    private readonly byte[] _seen = new byte[Counters];

    /// <summary>Gets whether branches are counted.</summary>
    internal static bool IsOn => Environment.GetEnvironmentVariable("PAGEENGINE_FUZZ_COVERAGE") == "1";

    /// <summary>Gets how many branches were taken by any file so far.</summary>
    internal int Branches => _seen.Count(b => b != 0);

    /// <summary>The counted code writes to these from its first call on.</summary>
    internal static byte* Prepare()
    {
        Trace.SharedMem = Trace.SharedMem == null ? (byte*)NativeMemory.AllocZeroed(Counters) : Trace.SharedMem;
        return Trace.SharedMem;
    }

    internal static void Begin()
    {
        if (IsOn)
        {
            new Span<byte>(_counts, Counters).Clear();
            Trace.PrevLocation = 0;
        }
    }

    /// <summary>Tells whether the file since <see cref="Begin"/> showed something new.</summary>
    internal bool EndIsNew()
    {
        bool isNew = false;
        var counts = new ReadOnlySpan<byte>(_counts, Counters);
        for (int i = counts.IndexOfAnyExcept((byte)0); i >= 0;)
        {
            // How often, roughly: once, twice, ..., more than 127 times.
            byte often = (byte)(1 << System.Numerics.BitOperations.Log2(counts[i]));
            isNew |= (_seen[i] & often) == 0;
            _seen[i] |= often;
            int next = counts[(i + 1)..].IndexOfAnyExcept((byte)0);
            i = next < 0 ? -1 : i + 1 + next;
        }

        return isNew;
    }
}
