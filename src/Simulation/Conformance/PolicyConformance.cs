using PageEngine.Planning;

namespace PageEngine.Simulation.Conformance;

// Owns: the public face of the policy suite.

/// <summary>Proves an <see cref="IMigrationPolicy"/> against its contract, from any test framework, on random planning
/// states and whole random migrations. A state that breaks a rule is made as small as it can be before it is reported.</summary>
public static class PolicyConformance
{
    private static readonly CheckSuite<PolicyBench> _suite = new("migration policy", PolicyChecks.All);

    /// <summary>Gets the checks, for a test framework that wants one test for each.</summary>
    public static IReadOnlyList<ConformanceCheck> Checks => _suite.Checks;

    /// <summary>Runs every check.</summary>
    /// <param name="create">Makes the policy, with the same settings at each call.</param>
    /// <param name="options">Settings; null for the defaults.</param>
    /// <param name="cancellationToken">Ends the run with <see cref="OperationCanceledException"/>.</param>
    public static Task<ConformanceReport> RunAsync(
        Func<IMigrationPolicy> create, PolicyConformanceOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(create);
        options ??= new PolicyConformanceOptions();
        return _suite.RunAsync(() => new PolicyBench(create, options), options.CheckLimit, cancellationToken);
    }

    /// <summary>Runs one check.</summary>
    /// <param name="check">Its name, one of <see cref="Checks"/>.</param>
    /// <param name="create">As in <see cref="RunAsync"/>.</param>
    /// <param name="options">Settings; null for the defaults.</param>
    /// <param name="cancellationToken">Ends the run with <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="ArgumentException">There is no such check.</exception>
    public static Task<ConformanceResult> RunCheckAsync(
        string check, Func<IMigrationPolicy> create, PolicyConformanceOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(create);
        options ??= new PolicyConformanceOptions();
        return _suite.RunAsync(check, () => new PolicyBench(create, options), options.CheckLimit, cancellationToken);
    }
}
