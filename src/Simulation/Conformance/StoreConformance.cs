using PageEngine.Ownership;

namespace PageEngine.Simulation.Conformance;

// Owns: the public face of the store suite and the order of its checks.

/// <summary>Proves an <see cref="IOwnershipStore"/> against its contract, from any test framework. The checks use guests
/// of their own and remove them again; other guests in the store are left alone.</summary>
/// <remarks>It tries the store as it is. What a crash or a full disk does to it only its owner can provoke.</remarks>
public static class StoreConformance
{
    private static readonly CheckSuite<StoreBench> _suite = new("ownership store", [.. StoreCreateChecks.All, .. StoreMarkChecks.All, .. StoreUpkeepChecks.All]);

    /// <summary>Gets the checks, for a test framework that wants one test for each.</summary>
    public static IReadOnlyList<ConformanceCheck> Checks => _suite.Checks;

    /// <summary>Runs every check.</summary>
    /// <param name="open">Opens the store as one host does: each call gives another handle of the same store. Handles that
    /// can be disposed are disposed; a store that lives in one object is given out again and again and cannot be.</param>
    /// <param name="options">Settings; null for the defaults.</param>
    /// <param name="cancellationToken">Ends the run with <see cref="OperationCanceledException"/>.</param>
    public static Task<ConformanceReport> RunAsync(
        Func<IOwnershipStore> open, StoreConformanceOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(open);
        options ??= new StoreConformanceOptions();
        return _suite.RunAsync(() => new StoreBench(open, options), options.CheckLimit, cancellationToken);
    }

    /// <summary>Runs one check.</summary>
    /// <param name="check">Its name, one of <see cref="Checks"/>.</param>
    /// <param name="open">As in <see cref="RunAsync"/>.</param>
    /// <param name="options">Settings; null for the defaults.</param>
    /// <param name="cancellationToken">Ends the run with <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="ArgumentException">There is no such check.</exception>
    public static Task<ConformanceResult> RunCheckAsync(
        string check, Func<IOwnershipStore> open, StoreConformanceOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(open);
        options ??= new StoreConformanceOptions();
        return _suite.RunAsync(check, () => new StoreBench(open, options), options.CheckLimit, cancellationToken);
    }
}
