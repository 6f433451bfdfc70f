using PageEngine.Memory;

namespace PageEngine.EmbeddedGuest.Workloads;

// Owns: how the workloads of a guest add up: the parts, their shares, and the rate of all operations. Immutable.

internal sealed class WorkloadMix
{
    /// <summary>A guest never does fewer operations a second than this, or than 250 for each virtual CPU: it would not
    /// notice a stall. Where the page writes are fewer, operations without one make up for them.</summary>
    internal const double MinimumOperationsPerSecond = 1000;

    private const double MinimumPerVirtualCpu = 250;

    // Rates are a whole number of bytes per second; weights keep them exact next to the padding.
    private const long IdleOperationBytes = MemoryLayout.PageBytes;

    internal WorkloadMix(IReadOnlyList<WorkloadSpec> workloads, int virtualCpus)
    {
        List<WorkloadSpec> specs = [.. workloads.Where(w => w.Kind != WorkloadKind.Idle)];
        bool unthrottled = specs.Exists(s => s.BytesPerSecond is null);
        List<long> weights = [.. specs.Select(s => s.BytesPerSecond ?? 1)];
        if (!unthrottled)
        {
            double bytes = 0;
            foreach (WorkloadSpec spec in specs)
            {
                bytes += spec.BytesPerSecond!.Value;
            }

            double writes = bytes / MemoryLayout.PageBytes;
            double minimum = Math.Max(MinimumOperationsPerSecond, MinimumPerVirtualCpu * virtualCpus);
            if (writes < minimum)
            {
                specs.Add(WorkloadSpec.Idle);
                weights.Add(Math.Max(1, (long)((minimum - writes) * IdleOperationBytes)));
            }

            OperationsPerSecond = Math.Max(writes, minimum);
        }

        Specs = specs;
        Interleave = new Interleave(weights.ToArray());
    }

    /// <summary>The parts, the one without page writes last if there is one.</summary>
    internal IReadOnlyList<WorkloadSpec> Specs { get; }

    internal Interleave Interleave { get; }

    /// <summary>Operations a second of all virtual CPUs together; null: unthrottled.</summary>
    internal double? OperationsPerSecond { get; }
}
