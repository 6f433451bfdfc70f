using PageEngine.Guests;

namespace PageEngine.Simulation.Conformance;

// Owns: the public face of the guest suite.

/// <summary>Proves an <see cref="IGuest"/> against its contract, from any test framework: each check makes guests, runs,
/// pauses and moves them within the process, and disposes them. Small guests (some MiB) are proven soonest.</summary>
public static class GuestConformance
{
    private static readonly CheckSuite<GuestBench> _suite = new("guest", [.. GuestPauseChecks.All, .. GuestStateChecks.All, .. GuestLifeChecks.All, .. GuestMigrationChecks.All]);

    /// <summary>Gets the checks, for a test framework that wants one test for each.</summary>
    public static IReadOnlyList<ConformanceCheck> Checks => _suite.Checks;

    /// <summary>Runs every check.</summary>
    /// <param name="create">Makes a guest as a source has it before its first resume: with content, not running.</param>
    /// <param name="createTwin">Makes what a destination would make of a guest's description and layout: the same id and
    /// layout, nothing loaded, not running.</param>
    /// <param name="options">Settings; null for the defaults.</param>
    /// <param name="cancellationToken">Ends the run with <see cref="OperationCanceledException"/>.</param>
    public static Task<ConformanceReport> RunAsync(
        Func<IGuest> create, Func<IGuest, IGuest> createTwin, GuestConformanceOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(create);
        ArgumentNullException.ThrowIfNull(createTwin);
        options ??= new GuestConformanceOptions();
        return _suite.RunAsync(() => new GuestBench(create, createTwin, options), options.CheckLimit, cancellationToken);
    }

    /// <summary>Runs one check.</summary>
    /// <param name="check">Its name, one of <see cref="Checks"/>.</param>
    /// <param name="create">As in <see cref="RunAsync"/>.</param>
    /// <param name="createTwin">As in <see cref="RunAsync"/>.</param>
    /// <param name="options">Settings; null for the defaults.</param>
    /// <param name="cancellationToken">Ends the run with <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="ArgumentException">There is no such check.</exception>
    public static Task<ConformanceResult> RunCheckAsync(
        string check,
        Func<IGuest> create,
        Func<IGuest, IGuest> createTwin,
        GuestConformanceOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(create);
        ArgumentNullException.ThrowIfNull(createTwin);
        options ??= new GuestConformanceOptions();
        return _suite.RunAsync(check, () => new GuestBench(create, createTwin, options), options.CheckLimit, cancellationToken);
    }
}
