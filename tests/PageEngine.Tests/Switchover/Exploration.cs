namespace PageEngine.Tests.Switchover;

/// <summary>What an exploration found.</summary>
/// <param name="States">How many different states of the whole system were visited.</param>
/// <param name="Violation">The first broken promise, or null.</param>
/// <param name="Trace">The shortest way there.</param>
internal sealed record Exploration(int States, string? Violation, IReadOnlyList<string> Trace)
{
    public override string ToString() => Violation is null
        ? $"{States} states, no violation"
        : $"{Violation} after {Trace.Count} steps of {States} states:\n  " + string.Join("\n  ", Trace);
}
