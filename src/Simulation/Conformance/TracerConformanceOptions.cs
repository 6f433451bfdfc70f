using PageEngine.Memory;
using PageEngine.Tracing;

namespace PageEngine.Simulation.Conformance;

// Owns: how the tracer suite writes, and how hard it tries.

/// <summary>Settings of <see cref="TracerConformance"/>.</summary>
public sealed record TracerConformanceOptions
{
    /// <summary>Gets what a writer calls after each write to a page, on its own thread; null where the tracer sees writes
    /// by itself. An <see cref="ExplicitWriteTracer"/> is marked without it.</summary>
    public Action<IWriteTracer, long>? MarkWritten { get; init; }

    /// <summary>Gets how memory of a layout is made; null for anonymous memory. The suite disposes it.</summary>
    public Func<MemoryLayout, GuestMemory>? Memory { get; init; }

    /// <summary>Gets the group of pages that the tracer reports at once when one of them is written. Default 1; a tracer
    /// that works on 2 MiB blocks has 512.</summary>
    public int GranularityPages { get; init; } = 1;

    /// <summary>Gets how many threads write at once. Default 3.</summary>
    public int Writers { get; init; } = 3;

    /// <summary>Gets how many times the writers are let loose and stopped again. Default 120.</summary>
    public int Bursts { get; init; } = 120;

    /// <summary>Gets the seed of what is random; the threads' interleaving is not. Default 1.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Gets how long a check may take before it counts as hanging. Default 60 s.</summary>
    public TimeSpan CheckLimit { get; init; } = TimeSpan.FromSeconds(60);
}
