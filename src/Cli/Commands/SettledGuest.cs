using PageEngine.Cli.Output;
using PageEngine.EmbeddedGuest;
using PageEngine.Recovery;

namespace PageEngine.Cli.Commands;

// Owns: the end of a guest that came to run here by the settling of its migration: paused, checked, reported.

/// <summary>Checks a guest that was settled here.</summary>
internal static class SettledGuest
{
    // Long enough to show that it does run on.
    private static readonly TimeSpan _atLeast = TimeSpan.FromMilliseconds(200);

    /// <summary>Pauses the guest, checks it against a replay, and reports.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> CheckAsync(CommandRun run, RecoveryResult result, VerifiableGuest guest)
    {
        long before = guest.Operations;
        await Task.Delay(_atLeast, run.Time);
        bool ran = guest.Operations > before || guest.Options.Workloads.All(w => w.Kind == WorkloadKind.Idle);
        await guest.PauseAsync(CancellationToken.None);
        run.Step("Checking the guest against a replay of its run.");
        GuestFindings findings = GuestFindings.From(guest.Verify());
        findings = ran ? findings : findings with { Consistent = false, Problem = findings.Problem ?? "it does not run on" };
        ReportDocument report = run.Recoverer.Note(result, findings);
        run.WriteJson(report);
        run.Show(report);
        return ExitCodes.For(result.Outcome, findings);
    }
}
