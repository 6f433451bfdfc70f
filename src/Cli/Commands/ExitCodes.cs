using PageEngine.Cli.Output;
using PageEngine.Recovery;
using PageEngine.Reporting;

namespace PageEngine.Cli.Commands;

// Owns: which number the program ends with. Pure; scripts rely on every number here.

/// <summary>The exit codes and how a result becomes one.</summary>
internal static class ExitCodes
{
    /// <summary>Done.</summary>
    public const int Done = 0;

    /// <summary>The migration failed; the guest runs on at the source.</summary>
    public const int Failed = 1;

    /// <summary>Wrong arguments.</summary>
    public const int WrongArguments = 2;

    /// <summary>Refused before anything moved.</summary>
    public const int Refused = 3;

    /// <summary>In doubt: the guest is held and an operator must decide.</summary>
    public const int InDoubt = 4;

    /// <summary>Data is damaged: a checksum, a malformed stream or file, or verification.</summary>
    public const int DataDamaged = 5;

    /// <summary>No complete copy of the guest survived.</summary>
    public const int GuestLost = 6;

    /// <summary>Cancelled; the guest runs on at the source.</summary>
    public const int Cancelled = 130;

    /// <summary>Gets the exit code of a migration.</summary>
    /// <param name="report">The session's report.</param>
    /// <param name="guest">What checking the guest found; null when it was not checked.</param>
    public static int For(MigrationReport report, GuestFindings? guest = null)
    {
        if (report.Failure?.Guest == GuestWhereabouts.Lost || report.Failure?.Kind == MigrationErrorKind.GuestLost)
        {
            return GuestLost;
        }

        if (report.Outcome == MigrationOutcome.InDoubt
            || report.Failure?.Guest == GuestWhereabouts.Held
            || report.Failure is { Kind: MigrationErrorKind.InDoubt, Guest: GuestWhereabouts.Unknown })
        {
            return InDoubt;
        }

        if (report.Memory is { Identical: false } || guest is { IsGood: false })
        {
            return DataDamaged;
        }

        return report.Outcome switch
        {
            MigrationOutcome.Completed => Done,
            MigrationOutcome.Cancelled => Cancelled,

            // A rehearsal was in doubt; the guest itself was never at stake.
            MigrationOutcome.Failed when report.Failure is { Kind: MigrationErrorKind.InDoubt } => Failed,
            MigrationOutcome.Failed when report.Failure is { } failure => For(failure.Kind, failure.Phase),
            _ => Failed,
        };
    }

    /// <summary>Gets the exit code of settling a migration.</summary>
    /// <param name="outcome">What it came to.</param>
    /// <param name="guest">What checking the guest found; null when it was not checked.</param>
    public static int For(RecoveryOutcome outcome, GuestFindings? guest = null) => outcome switch
    {
        RecoveryOutcome.RunsHere when guest is { IsGood: false } => DataDamaged,
        RecoveryOutcome.RunsHere or RecoveryOutcome.RunsElsewhere or RecoveryOutcome.Discarded => Done,
        RecoveryOutcome.Lost => GuestLost,
        RecoveryOutcome.Refused or RecoveryOutcome.ProcessIsAlive => Refused,
        _ => InDoubt,
    };

    /// <summary>Gets the exit code of an exception that ended a command.</summary>
    public static int For(Exception exception) => exception switch
    {
        UsageException => WrongArguments,
        MigrationException migration => For(migration.Kind, migration.Phase),
        OperationCanceledException => Cancelled,
        _ => Failed,
    };

    private static int For(MigrationErrorKind kind, MigrationPhase phase) => kind switch
    {
        MigrationErrorKind.Cancelled => Cancelled,
        MigrationErrorKind.Refused or MigrationErrorKind.AlreadyMigrating or MigrationErrorKind.VersionMismatch => Refused,

        // What a host lacks is a refusal as long as nothing has moved; later the same cause is a failed migration.
        MigrationErrorKind.OwnershipFailed or MigrationErrorKind.TracingFailed or MigrationErrorKind.MemoryFailed
            when phase is MigrationPhase.None or MigrationPhase.Handshake => Refused,

        MigrationErrorKind.DataDamaged or MigrationErrorKind.ProtocolViolation => DataDamaged,
        MigrationErrorKind.InDoubt => InDoubt,
        MigrationErrorKind.GuestLost => GuestLost,
        _ => Failed,
    };
}
