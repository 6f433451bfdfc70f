using System.Globalization;
using System.Net;
using PageEngine.Cli.Commands;
using PageEngine.Cli.Output;
using PageEngine.Memory;
using PageEngine.Ownership;
using PageEngine.Qemu.Guests;
using PageEngine.Qemu.Machine;
using PageEngine.Qemu.Monitor;
using PageEngine.Qemu.Preflight;
using PageEngine.Qemu.Ram;
using PageEngine.Reporting;
using PageEngine.Tracing;
using PageEngine.Transport;

namespace PageEngine.Cli.Qemu;

// Owns: one machine's way from this host: found, looked over, traced, moved. Until the rounds begin nothing of QEMU is changed.

/// <summary>The source's part of moving a QEMU machine.</summary>
internal static class QemuSourceRun
{
    /// <summary>Moves the machine.</summary>
    /// <returns>The exit code.</returns>
    /// <exception cref="MigrationException">It cannot be moved from here; nothing was changed.</exception>
    public static async Task<int> RunAsync(CommandRun run, IOwnershipStore? store, string qmp, int? pid, EndPoint to, CancellationToken cancellationToken)
    {
        try
        {
            await using QemuMachine machine = await QemuMachine.ConnectAsync(qmp, pid, new QmpOptions { Logger = run.Log }, cancellationToken);
            return await MoveAsync(run, store, qmp, machine, to, cancellationToken);
        }
        catch (QmpException exception)
        {
            throw new MigrationException(MigrationErrorKind.Refused, exception.Message, exception);
        }
    }

    private static async Task<int> MoveAsync(
        CommandRun run, IOwnershipStore? store, string qmp, QemuMachine machine, EndPoint to, CancellationToken cancellationToken)
    {
        MachineDescription description = await MachineInspector.DescribeAsync(machine, cancellationToken);
        MachineState state = await MachineInspector.LookAsync(machine, cancellationToken);
        Finding[] findings = [.. SourceCheck.Judge(description, state, machine.Ram), .. HostCheck.JudgeSource(machine.ProcessId)];
        if (findings.Length > 0)
        {
            throw Finding.Refuse(findings);
        }

        Guid id = run.Settings.GuestId ?? description.Id ?? machine.ProvisionalId;
        ulong migrationId = SessionOptions.MigrationId(run);
        run.Log.MigrationId = migrationId;
        IReadOnlyList<RamMapping> ram = machine.FindRam();
        await using QemuGuest guest = new(id, machine, QemuMachine.MapMemory(ram), QemuRole.Source, description, run.Time);
        run.Step(string.Create(
            CultureInfo.InvariantCulture,
            $"Guest {id}: QEMU {description.Version} (process {machine.ProcessId}), {description.MachineType}, {Units.FormatBytes(guest.Memory.Layout.Bytes)}, {description.Cpus} virtual CPUs."));
        GuestOwnership ownership = await run.Recoverer.Rights.TakeAsync(store, id, cancellationToken);
        TcpConnector connector = new(to, run.Settings.Tcp);
        using IWriteTracer tracer = machine.TraceWhenStarted(guest.Memory, ram, tracing => TellTracing(run, tracing));
        run.Recoverer.Processes.Keep(migrationId, ReportMapping.Word(MigrationRole.Source), id, qmp, machine);
        run.Begin(migrationId, ReportMapping.Word(MigrationRole.Source), id, guest.Memory.Layout.Bytes, connector.Description);
        run.Step($"Migration {migrationId.ToString(CultureInfo.InvariantCulture)} to {connector.Description}.");
        MigrationSource source = new(guest, tracer, SessionOptions.Source(run, migrationId, ownership, run.State.Journal));
        MigrationReport report;
        using (run.ShowProgress(run.Settings.Goal))
        {
            report = await source.MigrateAsync(connector, cancellationToken);
        }

        QemuOutcome.Publish(run, report);
        QemuOutcome.Tell(run, report, machine.ProcessId);
        return ExitCodes.For(report);
    }

    private static void TellTracing(CommandRun run, ForeignTracing tracing)
    {
        run.Step(string.Create(CultureInfo.InvariantCulture, $"Tracer {tracing.Tracer.Name}: QEMU's main thread stood still for {tracing.Stopped.TotalMilliseconds:0.00} ms."));
        if (tracing.StrayDescriptors > 0)
        {
            run.Warn($"{tracing.StrayDescriptors} userfaultfd left in QEMU by an earlier attempt that was killed was found and closed.");
        }
    }
}
