using System.Runtime.CompilerServices;
using PageEngine.EmbeddedGuest.Operations;
using PageEngine.Memory;

namespace PageEngine.EmbeddedGuest.Workloads;

// Owns: which of its own pages a virtual CPU writes in operation n: a pure function of n and the operation's random
// bits. Immutable. Workloads are interleaved by a fixed cycle of operations, so that time never decides.

internal sealed class WorkloadPlan
{
    /// <summary>Prime and above the largest number of pages: multiplying by it permutes the pages of any guest.</summary>
    private const ulong ScatterFactor = 2_654_435_761;

    private readonly Interleave _interleave;
    private readonly Part[] _parts;

    internal WorkloadPlan(WorkloadMix mix, GuestMemoryMap map, int virtualCpu)
    {
        _interleave = mix.Interleave;
        _parts = new Part[mix.Specs.Count];
        for (int i = 0; i < _parts.Length; i++)
        {
            WorkloadSpec spec = mix.Specs[i];
            long pages = map.WorkloadPages;
            if (spec.Kind == WorkloadKind.Hot)
            {
                // At least one page for each virtual CPU, at most all there are.
                long hot = (spec.HotBytes + MemoryLayout.PageBytes - 1) / MemoryLayout.PageBytes;
                pages = Math.Clamp(hot, map.VirtualCpus, pages);
            }

            long owned = map.OwnedPages(virtualCpu, pages);
            _parts[i] = new Part
            {
                Kind = spec.Kind,
                Pages = owned,
                PerCycle = _interleave.CountOf(i),
                Zipf = spec.Kind == WorkloadKind.Zipf ? new ZipfTable(owned, spec.Skew) : null,
            };
        }
    }

    /// <summary>The virtual CPU's own page that operation <paramref name="number"/> writes; -1: none.</summary>
    /// <param name="number">The operation's number.</param>
    /// <param name="random">Its random bits.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal long DrawLocalPage(long number, ulong random)
    {
        int slot = (int)(number & (Interleave.CycleLength - 1));
        ref readonly Part part = ref _parts[_interleave.PartAt(slot)];
        return part.Kind is WorkloadKind.Uniform or WorkloadKind.Hot
            ? Mixer.Below((uint)(random >> 32), part.Pages)
            : DrawOther(part, number, slot, random);
    }

    private long DrawOther(in Part part, long number, int slot, ulong random)
    {
        switch (part.Kind)
        {
            case WorkloadKind.Zipf:
                return (long)((ulong)part.Zipf!.Draw(random) * ScatterFactor % (ulong)part.Pages);
            case WorkloadKind.Sequential:
                long before = (number / Interleave.CycleLength * part.PerCycle) + _interleave.RankAt(slot);
                return before % part.Pages;
            default:
                return -1;
        }
    }

    private struct Part
    {
        internal WorkloadKind Kind;
        internal long Pages;
        internal long PerCycle;
        internal ZipfTable? Zipf;
    }
}
