namespace PageEngine.Tracing;

// Owns: which tracer was taken and why, so that a fallback is never silent.

/// <summary>A tracer and why it was chosen. Whoever asked owns the tracer.</summary>
/// <param name="Tracer">The tracer, not started.</param>
/// <param name="Kind">Its kind; never <see cref="WriteTracerKind.Auto"/>.</param>
/// <param name="Reason">One sentence for reports and logs.</param>
public sealed record WriteTracerChoice(IWriteTracer Tracer, WriteTracerKind Kind, string Reason)
{
    /// <summary>Gets the tracer to which the guest must mark its writes; null when it need not.</summary>
    public ExplicitWriteTracer? MarkWritesTo => Tracer as ExplicitWriteTracer;
}
