namespace PageEngine.Simulation.Conformance;

// Owns: how a broken rule reaches a test framework that only knows exceptions.

/// <summary>A part does not keep its contract. The message says which rule was broken and what was observed.</summary>
public sealed class ConformanceException : Exception
{
    internal ConformanceException(string message)
        : base(message)
    {
    }
}
