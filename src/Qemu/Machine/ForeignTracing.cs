using PageEngine.Tracing;

namespace PageEngine.Qemu.Machine;

// Owns: a tracer in QEMU and what getting it there cost.

/// <summary>A tracer of another process's writes, and what it cost that process.</summary>
/// <param name="Tracer">The tracer; the receiver disposes it.</param>
/// <param name="Stopped">For how long QEMU's main thread stood still. Its virtual CPUs ran on.</param>
/// <param name="StrayDescriptors">How many userfaultfds of an earlier, killed tracer were found in QEMU and closed.</param>
public sealed record ForeignTracing(KernelWriteTracer Tracer, TimeSpan Stopped, int StrayDescriptors);
