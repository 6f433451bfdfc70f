using System.Numerics;
using System.Runtime.CompilerServices;
using PageEngine.EmbeddedGuest.Workloads;

namespace PageEngine.EmbeddedGuest.Operations;

// Owns: operation n of a virtual CPU as a pure function of (seed, virtual CPU, n). The run and its replay both draw
// from here and from nowhere else. Immutable; safe to share between threads.

internal sealed class OperationStream(ulong seed, int virtualCpu, WorkloadPlan plan)
{
    private readonly ulong _key = Mixer.Key(seed, (ulong)virtualCpu);
    private readonly WorkloadPlan _plan = plan;

    // Inlined (bench GuestBench.Replay: 1.3 times the operations a second): the fields stay in registers.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal Operation Draw(long number)
    {
        ulong address = Mixer.Mix(_key + ((ulong)(number + 1) * Mixer.Golden));
        ulong rest = Mixer.Mix(address ^ 0xA0761D6478BD642F);
        return new Operation(
            (address ^ BitOperations.RotateLeft(rest, 32)) * 0xE7037ED1A0B428DB,
            _plan.DrawLocalPage(number, address),
            (int)(rest & (GuestMemoryMap.AccountCount - 1)),
            (int)(rest >> 12) & (GuestMemoryMap.AccountCount - 1),
            (long)((rest >> 24) & 1023) + 1,
            (int)(rest >> 34) & (GuestMemoryMap.BucketCount - 1));
    }
}
