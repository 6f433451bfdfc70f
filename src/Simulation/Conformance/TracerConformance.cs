using PageEngine.Memory;
using PageEngine.Tracing;

namespace PageEngine.Simulation.Conformance;

// Owns: the public face of the tracer suite.

/// <summary>Proves an <see cref="IWriteTracer"/> against its contract, from any test framework, on memories that the suite
/// makes and writes.</summary>
/// <remarks>A lost write is a matter of moments. A suite that passes has not met one; more bursts look longer.</remarks>
public static class TracerConformance
{
    private static readonly CheckSuite<TracerBench> _suite = new("write tracer", [.. TracerChecks.All, .. TracerRaceChecks.All]);

    /// <summary>Gets the checks, for a test framework that wants one test for each.</summary>
    public static IReadOnlyList<ConformanceCheck> Checks => _suite.Checks;

    /// <summary>Runs every check.</summary>
    /// <param name="create">Makes a tracer, not started, for a memory. The suite disposes it before the memory.</param>
    /// <param name="options">Settings; null for the defaults.</param>
    /// <param name="cancellationToken">Ends the run with <see cref="OperationCanceledException"/>.</param>
    public static Task<ConformanceReport> RunAsync(
        Func<GuestMemory, IWriteTracer> create, TracerConformanceOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(create);
        options ??= new TracerConformanceOptions();
        return _suite.RunAsync(() => new TracerBench(create, options), options.CheckLimit, cancellationToken);
    }

    /// <summary>Runs one check.</summary>
    /// <param name="check">Its name, one of <see cref="Checks"/>.</param>
    /// <param name="create">As in <see cref="RunAsync"/>.</param>
    /// <param name="options">Settings; null for the defaults.</param>
    /// <param name="cancellationToken">Ends the run with <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="ArgumentException">There is no such check.</exception>
    public static Task<ConformanceResult> RunCheckAsync(
        string check, Func<GuestMemory, IWriteTracer> create, TracerConformanceOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(create);
        options ??= new TracerConformanceOptions();
        return _suite.RunAsync(check, () => new TracerBench(create, options), options.CheckLimit, cancellationToken);
    }
}
