using PageEngine.Reporting;

namespace PageEngine.Transport.Sessions;

// Owns: how whatever was thrown becomes the one failure that both the report and the peer see.

/// <summary>Turns exceptions into failures with a phase and a detector.</summary>
internal static class SessionFailure
{
    /// <summary>Completes an exception: the phase it happened in and who noticed, where the thrower did not know.</summary>
    internal static MigrationException Complete(Exception exception, MigrationPhase phase)
    {
        MigrationException failure = exception switch
        {
            MigrationException migration => migration,
            OperationCanceledException => new MigrationException(MigrationErrorKind.Cancelled, "The migration was cancelled.", exception),
            _ => new MigrationException(MigrationErrorKind.Internal, $"The engine failed: {exception.Message} ({exception.GetType().Name}). Please report this.", exception),
        };
        if (failure.Phase == MigrationPhase.None)
        {
            failure.Phase = phase;
        }

        if (failure.DetectedBy == DetectedBy.None)
        {
            failure.DetectedBy = failure.Kind switch
            {
                MigrationErrorKind.ConnectionLost or MigrationErrorKind.Timeout or MigrationErrorKind.ProtocolViolation
                    or MigrationErrorKind.VersionMismatch => DetectedBy.Transport,
                MigrationErrorKind.TracingFailed or MigrationErrorKind.NotConverging or MigrationErrorKind.AbortTimeReached => DetectedBy.Monitor,
                MigrationErrorKind.GuestFailed => DetectedBy.Guest,
                _ => DetectedBy.Supervisor,
            };
        }

        return failure;
    }

    /// <summary>Puts a failure into a report.</summary>
    internal static MigrationFailure ToReport(MigrationException failure, GuestWhereabouts guest, SessionRoles roles) =>
        new(failure.Kind, failure.Phase, failure.DetectedBy, failure.FromPeer ? $"The peer reports: {failure.Message}" : failure.Message, guest)
        {
            ReportedByPeer = failure.FromPeer,
            Causes = failure.Causes,
            WhatToDo = failure.WhatToDo,
            Observations = roles.Observations,
        };
}
