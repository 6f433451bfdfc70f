using System.Globalization;
using PageEngine.Cli.Commands;
using PageEngine.Cli.Output;
using PageEngine.Reporting;

namespace PageEngine.Cli.Qemu;

// Owns: what is kept and said when a QEMU machine's migration has ended on one side.

internal static class QemuOutcome
{
    /// <summary>Publishes a report: QEMU's processor time is its own.</summary>
    public static void Publish(CommandRun run, MigrationReport report)
    {
        ReportDocument document = ReportMapping.ToDocument(report);
        run.Publish(document with { CpuSeconds = document.CpuSeconds with { GuestIncluded = false } });
    }

    /// <summary>Forgets the process of a migration that has ended; says where the guest is when it is held.</summary>
    public static void Tell(CommandRun run, MigrationReport report, int processId)
    {
        string id = report.MigrationId.ToString(CultureInfo.InvariantCulture);
        if (HeldRun.IsHeld(report))
        {
            run.Tell(report.MigrationId, string.Create(
                CultureInfo.InvariantCulture,
                $"QEMU (process {processId}) holds the guest, stopped. Do not continue or quit it by hand: `pageengine show {id}` tells what is known, `pageengine resolve {id}` settles it."));
            return;
        }

        run.Recoverer.Processes.Forget(report.MigrationId, ReportMapping.Word(report.Role));
    }
}
