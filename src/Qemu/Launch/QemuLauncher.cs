using System.ComponentModel;
using System.Diagnostics;
using PageEngine.Qemu.Machine;
using PageEngine.Qemu.Monitor;
using PageEngine.Qemu.Preflight;

namespace PageEngine.Qemu.Launch;

// Owns: a QEMU that this program starts for a machine that arrives. QEMU makes itself a daemon when it is ready: it belongs
// to no terminal and to no session of ours, and outlives this program as one that was started by hand does.

/// <summary>Starts QEMU as a plan says.</summary>
public static class QemuLauncher
{
    private const int MaxQuotedChars = 2000;
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    /// <summary>Finds what on this host stands in the way of a plan.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="monitor">Where its monitor will be.</param>
    public static IReadOnlyList<Finding> Judge(LaunchPlan plan, string monitor)
    {
        ArgumentNullException.ThrowIfNull(plan);
        var findings = new List<Finding>();
        foreach (string file in plan.MemoryFiles.Where(File.Exists))
        {
            findings.Add(new Finding($"The memory file {file} exists already: another QEMU, or the source itself, may be using it.", $"Give --map for it with a name that is free, or remove it when no QEMU runs with it (rm {file})."));
        }

        if (File.Exists(monitor))
        {
            findings.Add(new Finding($"{monitor} exists already: it may be another QEMU's monitor.", "Give --qmp a path that is free, or remove it when no QEMU has it open."));
        }

        return findings;
    }

    /// <summary>Starts QEMU and connects to it.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="monitor">The monitor's socket, as the plan was made with.</param>
    /// <param name="options">Limits of the monitor; null: the defaults.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="MigrationException">It could not be started (<see cref="MigrationErrorKind.Refused"/>).</exception>
    /// <exception cref="QmpException">It was started, and its monitor cannot be used.</exception>
    public static async Task<QemuMachine> StartAsync(LaunchPlan plan, string monitor, QmpOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(plan);
        var start = new ProcessStartInfo(plan.Program, plan.Arguments) { RedirectStandardError = true, RedirectStandardOutput = true, RedirectStandardInput = true };
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new MigrationException(MigrationErrorKind.Refused, $"QEMU could not be started: {e.Message} Install {plan.Program} on this host, or give --map with the source's program and this host's.", e);
        }

        using (process)
        {
            process.StandardInput.Close();
            Task<string> errors = process.StandardError.ReadToEndAsync(cancellationToken);
            _ = process.StandardOutput.ReadToEndAsync(cancellationToken);
            try
            {
                await process.WaitForExitAsync(cancellationToken).WaitAsync(_patience, cancellationToken).ConfigureAwait(false);
                if (process.ExitCode != 0)
                {
                    string said = (await errors.WaitAsync(_patience, cancellationToken).ConfigureAwait(false)).Trim();
                    throw new MigrationException(
                        MigrationErrorKind.Refused,
                        $"QEMU did not start here with the source's command line: {(said.Length > MaxQuotedChars ? said[^MaxQuotedChars..] : said)} It was: {plan.Program} {string.Join(' ', plan.Arguments)}");
                }
            }
            catch (Exception e) when (e is TimeoutException or OperationCanceledException)
            {
                process.Kill();
                throw e is OperationCanceledException
                    ? e
                    : new MigrationException(MigrationErrorKind.Refused, $"QEMU was not ready within {_patience.TotalSeconds:0} s of its start. It was: {plan.Program} {string.Join(' ', plan.Arguments)}", e);
            }
        }

        return await QemuMachine.ConnectAsync(monitor, null, options, cancellationToken).ConfigureAwait(false);
    }
}
