using System.Globalization;
using PageEngine.Cli.Output;
using PageEngine.EmbeddedGuest;
using PageEngine.Guests;
using PageEngine.Recovery;
using PageEngine.Reporting;

namespace PageEngine.Cli.Commands;

// Owns: the end of a migration in doubt: exit code 4 means that the guest is held, so it is saved before this process ends.
// Where it cannot be saved this process is what holds it, and it goes on trying to settle the migration.

/// <summary>Holds a guest whose migration ended in doubt.</summary>
internal static class HeldRun
{
    private static readonly TimeSpan _eachTry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _betweenTries = TimeSpan.FromSeconds(2);

    /// <summary>Tells whether a migration left its guest held.</summary>
    public static bool IsHeld(MigrationReport report) =>
        report.Outcome == MigrationOutcome.InDoubt || report.Failure?.Guest == GuestWhereabouts.Held;

    /// <summary>Saves the guest. Do it before the report is published: until then this process counts as the one that has it.</summary>
    /// <returns>False when it could not be saved, and this process holds it.</returns>
    public static async Task<bool> TrySaveAsync(CommandRun run, MigrationReport report, IGuest guest)
    {
        string id = report.MigrationId.ToString(CultureInfo.InvariantCulture);
        string role = ReportMapping.Word(report.Role);
        try
        {
            string path = await run.Recoverer.Held.SaveAsync(report.MigrationId, role, guest, CancellationToken.None);
            run.Tell(report.MigrationId, $"The guest is held in {path}. `pageengine show {id}` tells what is known, `pageengine resolve {id}` settles it.");
            return true;
        }
        catch (MigrationException exception)
        {
            run.Recoverer.KeepInMemory(report.MigrationId, role, guest);
            run.Tell(report.MigrationId, $"{exception.Message} This process holds the guest until Ctrl-C, which loses it, and goes on trying to settle the migration.");
            return false;
        }
    }

    /// <summary>Publishes the report; where this process has the guest, the lists go on saying so.</summary>
    public static void Publish(CommandRun run, MigrationReport report, ReportDocument document, bool isSaved)
    {
        run.Publish(document);
        if (!isSaved)
        {
            run.Begin(report.MigrationId, ReportMapping.Word(report.Role), report.GuestId, report.MemoryBytes, report.Peer);
        }
    }

    /// <summary>Holds a guest that could not be saved until its migration is settled or somebody ends this process.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> WaitAsync(CommandRun run, MigrationReport report, CancellationToken cancellationToken)
    {
        // A Ctrl-C from before was about the migration; the next one ends the process as it ends any.
        CancellationToken end = cancellationToken.IsCancellationRequested ? CancellationToken.None : cancellationToken;
        try
        {
            while (true)
            {
                OpenAttempt? open = run.Recoverer.Find().FirstOrDefault(a => a.MigrationId == report.MigrationId && a.Role == report.Role);

                // Without a journal nobody can settle it, and the guest is held all the same.
                RecoveryResult? result = open is null ? null : await run.Recoverer.SettleAsync(
                    open, new RecoverySettings { RetryPeriod = _eachTry, ClaimTimeout = run.Settings.ClaimTimeout }, end);
                if (result is { IsSettled: true })
                {
                    run.Tell(report.MigrationId, result.Description);
                    return result is { Outcome: RecoveryOutcome.RunsHere, Guest: VerifiableGuest guest }
                        ? await SettledGuest.CheckAsync(run, result, guest)
                        : ExitCodes.For(result.Outcome);
                }

                await Task.Delay(_betweenTries, run.Time, end);
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            return ExitCodes.InDoubt;
        }
    }
}
