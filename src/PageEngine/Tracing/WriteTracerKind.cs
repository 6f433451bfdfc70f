namespace PageEngine.Tracing;

// Owns: the ways to learn of writes, as people name them.

/// <summary>Who sees the guest's writes.</summary>
public enum WriteTracerKind
{
    /// <summary>The kernel where it can; else the guest itself, if it marks its writes; else nobody, which is an error.</summary>
    Auto = 0,

    /// <summary>The kernel (<see cref="KernelWriteTracer"/>).</summary>
    Kernel = 1,

    /// <summary>The guest marks its own writes (<see cref="ExplicitWriteTracer"/>).</summary>
    Explicit = 2,
}
