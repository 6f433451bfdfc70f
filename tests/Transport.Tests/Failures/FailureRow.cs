using PageEngine.Reporting;

namespace PageEngine.Transport.Tests.Failures;

// Owns: what one row of docs/failure-handling.md says, in a form that a test can check.

/// <summary>What one side's report must say; null where the side has nothing to report.</summary>
/// <param name="Outcome">How the migration ended, as this side knows it.</param>
/// <param name="Kind">Why; none where nothing failed.</param>
/// <param name="DetectedBy">Who noticed first on either side.</param>
internal sealed record Expected(MigrationOutcome Outcome, MigrationErrorKind Kind = MigrationErrorKind.None, DetectedBy DetectedBy = DetectedBy.None)
{
    internal static Expected Completed { get; } = new(MigrationOutcome.Completed);

    internal static Expected Failed(MigrationErrorKind kind, DetectedBy by) => new(MigrationOutcome.Failed, kind, by);

    internal static Expected Cancelled(DetectedBy by = DetectedBy.Supervisor) => new(MigrationOutcome.Cancelled, MigrationErrorKind.Cancelled, by);

    internal static Expected Held { get; } = new(MigrationOutcome.InDoubt, MigrationErrorKind.InDoubt);
}

/// <summary>One row.</summary>
/// <param name="Name">The row's name in the document.</param>
/// <param name="Phase">The phase in which it is noticed at the source, or at the destination where the source notices nothing.</param>
/// <param name="Source">What the source reports; null: nothing is asked.</param>
/// <param name="Destination">What the destination reports; null: nothing is asked.</param>
/// <param name="Runs">Who runs at the end.</param>
/// <param name="Arrange">Puts the fault in place.</param>
internal sealed record FailureRow(
    string Name, MigrationPhase Phase, Expected? Source, Expected? Destination, Runs Runs, Action<FailureScene> Arrange)
{
    /// <summary>Gets the epoch of the record at the end; 0: nothing is asked.</summary>
    internal ulong Epoch { get; init; }

    public override string ToString() => Name;
}
