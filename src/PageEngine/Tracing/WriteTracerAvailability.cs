namespace PageEngine.Tracing;

// Owns: the answer to "can I have this kind of tracing here?", with the reason.

/// <summary>Whether a kind of tracing is to be had here.</summary>
/// <param name="Kind">The kind; never <see cref="WriteTracerKind.Auto"/>.</param>
/// <param name="IsAvailable">Whether it is.</param>
/// <param name="Explanation">Available: what it does here. Not available: why not, and what to do.</param>
public readonly record struct WriteTracerAvailability(WriteTracerKind Kind, bool IsAvailable, string Explanation);
