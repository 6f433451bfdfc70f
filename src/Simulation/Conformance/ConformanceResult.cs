namespace PageEngine.Simulation.Conformance;

// Owns: what one check is and what it found. Immutable.

/// <summary>One check of a suite.</summary>
/// <param name="Name">Its name, unique within the suite; never changed once published.</param>
/// <param name="Rule">The rule it proves, in one sentence.</param>
public sealed record ConformanceCheck(string Name, string Rule);

/// <summary>How a check ended.</summary>
public enum ConformanceStatus
{
    /// <summary>Not a valid status.</summary>
    None = 0,

    /// <summary>The rule held in everything that was tried.</summary>
    Passed = 1,

    /// <summary>The rule was broken.</summary>
    Failed = 2,

    /// <summary>The rule does not apply to this part, or an option that it needs was not given.</summary>
    Skipped = 3,
}

/// <summary>What a check found.</summary>
/// <param name="Check">The check.</param>
/// <param name="Status">How it ended.</param>
/// <param name="Observed">What was observed, in one sentence or more.</param>
public sealed record ConformanceResult(ConformanceCheck Check, ConformanceStatus Status, string Observed)
{
    /// <summary>Throws when the rule was broken.</summary>
    /// <exception cref="ConformanceException">The check failed; the message has the rule and what was observed.</exception>
    public void ThrowIfFailed()
    {
        if (Status == ConformanceStatus.Failed)
        {
            throw new ConformanceException(ToString());
        }
    }

    /// <inheritdoc/>
    public override string ToString() => Status == ConformanceStatus.Passed
        ? $"passed   {Check.Name}: {Observed}"
        : $"{(Status == ConformanceStatus.Failed ? "FAILED " : "skipped")}  {Check.Name}: {Observed}{Environment.NewLine}         The rule: {Check.Rule}";
}
