namespace PageEngine.Transport.Sessions;

// Owns: the sentences for what the supervisor itself finds wrong during a switchover.

internal static class SwitchoverFailures
{
    internal static MigrationException Cancelled(MigrationPhase phase) =>
        Found(MigrationErrorKind.Cancelled, phase, "The migration was cancelled; the guest goes on here.");

    internal static MigrationException DestinationStopped(MigrationPhase phase) =>
        Found(MigrationErrorKind.Cancelled, phase, "The destination was stopped.");

    internal static MigrationException Ended(MigrationPhase phase) =>
        Found(MigrationErrorKind.Cancelled, phase, "The source ended the attempt.");

    internal static MigrationException StoodStill(MigrationPhase phase, TimeSpan limit, Exception cause) => Found(
        MigrationErrorKind.Timeout, phase,
        $"The guest stood still for {limit.TotalSeconds:0.###} s and its last pages and state were still not sent; it goes on here.", cause);

    internal static MigrationException Silent(MigrationPhase phase, TimeSpan limit, ulong migrationId) => Found(
        MigrationErrorKind.Timeout, phase,
        $"The destination did not answer within {limit.TotalSeconds:0.###} s. Its log has the reason under migration {migrationId}.");

    internal static MigrationException GivenBackWithoutReason(MigrationPhase phase) =>
        Found(MigrationErrorKind.Refused, phase, "The destination was granted the guest, could not run it, gave it back, and did not say why.");

    private static MigrationException Found(MigrationErrorKind kind, MigrationPhase phase, string message, Exception? cause = null) =>
        new(kind, message, cause) { Phase = phase, DetectedBy = DetectedBy.Supervisor };
}
