namespace PageEngine.Simulation.Conformance;

// Owns: the findings of a whole suite. Immutable.

/// <summary>What a suite found.</summary>
public sealed class ConformanceReport
{
    internal ConformanceReport(string suite, IReadOnlyList<ConformanceResult> results)
    {
        Suite = suite;
        Results = results;
    }

    /// <summary>Gets which suite was run, such as "ownership store".</summary>
    public string Suite { get; }

    /// <summary>Gets one result for each check, in the suite's order.</summary>
    public IReadOnlyList<ConformanceResult> Results { get; }

    /// <summary>Gets whether no check failed and at least one passed.</summary>
    public bool Passed => Count(ConformanceStatus.Failed) == 0 && Count(ConformanceStatus.Passed) > 0;

    /// <summary>Throws when <see cref="Passed"/> is false.</summary>
    /// <exception cref="ConformanceException">The message has every broken rule and what was observed.</exception>
    public void ThrowIfFailed()
    {
        if (!Passed)
        {
            throw new ConformanceException(ToString());
        }
    }

    /// <summary>Gets a line for each check and a last one with the totals.</summary>
    public override string ToString() => string.Join(
        Environment.NewLine,
        [.. Results.Select(result => result.ToString()), $"{Suite}: {Count(ConformanceStatus.Passed)} rules hold, {Count(ConformanceStatus.Failed)} are broken, {Count(ConformanceStatus.Skipped)} were skipped."]);

    private int Count(ConformanceStatus status) => Results.Count(result => result.Status == status);
}
