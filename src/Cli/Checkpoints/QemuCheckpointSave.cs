using System.Diagnostics;
using PageEngine.Bitmaps;
using PageEngine.Checkpoints;
using PageEngine.Cli.Commands;
using PageEngine.Cli.History;
using PageEngine.Cli.Output;
using PageEngine.Devices;
using PageEngine.Ownership;
using PageEngine.Planning;
using PageEngine.Qemu.Guests;
using PageEngine.Qemu.Machine;
using PageEngine.Qemu.Monitor;
using PageEngine.Qemu.Preflight;
using PageEngine.Qemu.Ram;
using PageEngine.Tracing;

namespace PageEngine.Cli.Checkpoints;

// Owns: `checkpoint save --qmp`: a QEMU machine from outside, while it runs or stopped. QEMU is left as it was found, or quit where
// the machine is suspended.

/// <summary>What was asked for.</summary>
internal sealed record QemuSaveSettings(
    string File, string Monitor, int? ProcessId, CheckpointCompression Compression, TimeSpan Goal, bool Paused, bool Suspend, string? Parent,
    Guid? GuestId, string? Ownership, bool Verify, string? Json);

/// <summary>Saves a QEMU machine.</summary>
internal static class QemuCheckpointSave
{
    /// <summary>Runs the command.</summary>
    public static async Task<int> RunAsync(Host host, QemuSaveSettings settings)
    {
        CheckpointResults results = new(host, settings.Json, settings.File == CheckpointCommand.Standard);
        results.Check();
        using CheckpointChain? parent = settings.Parent is { } path ? CheckpointCommand.OpenParent(path, settings.File) : null;
        using Interrupts interrupts = new(host, "Cancelling: no checkpoint is written, and the machine runs on. Once more ends the program at once.");
        try
        {
            await using QemuMachine machine = await QemuMachine.ConnectAsync(settings.Monitor, settings.ProcessId, null, interrupts.Token);
            return await SaveAsync(host, results, settings, parent, machine, interrupts.Token);
        }
        catch (QmpException exception)
        {
            throw new MigrationException(MigrationErrorKind.Refused, exception.Message, exception);
        }
    }

    private static async Task<int> SaveAsync(
        Host host, CheckpointResults results, QemuSaveSettings settings, CheckpointChain? parent, QemuMachine machine, CancellationToken cancellationToken)
    {
        MachineDescription description = await MachineInspector.DescribeAsync(machine, cancellationToken);
        MachineState state = await MachineInspector.LookAsync(machine, cancellationToken);
        Finding[] findings = [.. SourceCheck.Judge(description, state, machine.Ram), .. HostCheck.JudgeSource(machine.ProcessId)];
        if (findings.Length > 0)
        {
            throw Finding.Refuse(findings);
        }

        Guid id = settings.GuestId ?? description.Id ?? machine.ProvisionalId;
        IReadOnlyList<RamMapping> ram = machine.FindRam();
        using FileOwnershipStore? store = OwnershipStores.Open(settings.Ownership);
        StateDirectory directory = StateDirectory.Choose(host.Variable, host.IsRoot);
        directory.Create();
        GuestOwnership owner = await new GuestRights(directory.Rights).TakeAsync(store, id, cancellationToken);
        await using QemuGuest guest = new(id, machine, QemuMachine.MapMemory(ram), QemuRole.Source, description, host.Time);
        if (parent is not null)
        {
            RequireSame(parent.Checkpoint, guest);
        }

        results.Step($"Guest {id}: QEMU {description.Version} (process {machine.ProcessId}), {Units.FormatBytes(guest.Memory.Layout.Bytes)}.");
        CheckpointReport report;
        TimeSpan compared = default;
        try
        {
            (report, compared) = await WriteAsync(settings, parent, machine, guest, ram, owner, cancellationToken);
        }
        catch
        {
            // A pause is undone, and so are the settings that were made in QEMU.
            await guest.ResumeAsync(owner.Epoch, CancellationToken.None);
            throw;
        }

        double cpuSeconds = CheckpointResults.CpuSeconds;
        if (settings.Suspend)
        {
            await guest.PowerOffAsync(CancellationToken.None);
        }

        if (settings.Verify && settings.File != CheckpointCommand.Standard)
        {
            using CheckpointChain chain = CheckpointChain.Open(settings.File);
            chain.Verify(0, cancellationToken);
        }

        CheckpointDocument document = CheckpointDocument.From("save", settings.File, report.Checkpoint).With(report, cpuSeconds);
        results.Describe(document);
        string pause = report.Pause is { } time ? $"stood still for {Human.Milliseconds(time.TotalMilliseconds)}" : "was paused";
        string after = settings.Suspend ? "; its QEMU has quit" : ", and runs on";
        results.People.WriteLine($"took       {Human.Milliseconds(report.Total.TotalMilliseconds)} in {report.Rounds.Count} {(report.Rounds.Count == 1 ? "round" : "rounds")}, the machine {pause}{after}");
        if (parent is not null)
        {
            results.People.WriteLine($"compared   with '{settings.Parent}' in {Human.Milliseconds(compared.TotalMilliseconds)}");
        }

        results.Publish(document with { ComparedMs = parent is null ? null : compared.TotalMilliseconds });
        return ExitCodes.Done;
    }

    private static void RequireSame(CheckpointInfo parent, QemuGuest guest)
    {
        if (parent.Description.Kind != QemuGuest.Kind || parent.GuestId != guest.Id || !parent.Layout.Equals(guest.Memory.Layout))
        {
            throw new MigrationException(
                MigrationErrorKind.Refused,
                $"The checkpoint to add to is of guest {parent.GuestId} ({parent.Description.Kind}) with the memory {parent.Layout}; this is {guest.Id} with {guest.Memory.Layout}. Save it whole, or name the guest if it is the same: --guest UUID.");
        }
    }

    // No tracer has lived since the parent was saved: what changed is found by comparing. Of a running machine tracing comes first, so that
    // what changes behind the comparison is seen.
    private static async Task<(CheckpointReport Report, TimeSpan Compared)> WriteAsync(
        QemuSaveSettings settings, CheckpointChain? parent, QemuMachine machine, QemuGuest guest, IReadOnlyList<RamMapping> ram, GuestOwnership owner, CancellationToken cancellationToken)
    {
        using DirtyBitmap? changed = parent is null ? null : new DirtyBitmap(guest.Memory.PageCount);
        TimeSpan compared = default;
        async Task CompareAsync(IWriteTracer? tracer)
        {
            if (parent is not null)
            {
                long began = Stopwatch.GetTimestamp();
                await Task.Run(() => parent.MarkChanged(guest.Memory, changed!, tracer, 0, cancellationToken), CancellationToken.None);
                compared = Stopwatch.GetElapsedTime(began);
            }
        }

        CheckpointOptions options = new()
        {
            Compression = settings.Compression,
            Epoch = owner.Epoch,
            Run = owner.Store is null ? default : owner.Run,
            Suspend = settings.Suspend,
            Parent = parent?.Checkpoint,
            Changed = changed,
            KeepTracing = parent is not null,
            Policy = new SwitchoverTimeGoalPolicy(new SwitchoverTimeGoalOptions { Goal = settings.Goal }),
        };
        using Stream? stdout = settings.File == CheckpointCommand.Standard ? Console.OpenStandardOutput() : null;
        CheckpointTarget target = stdout is null ? CheckpointTarget.File(settings.File) : CheckpointTarget.Stream(stdout);
        await guest.RehearseAsync(cancellationToken);
        if (!settings.Paused)
        {
            ForeignTracing tracing = await machine.TraceAsync(guest.Memory, ram, cancellationToken);
            using var tracer = tracing.Tracer;
            if (parent is not null)
            {
                tracer.Start();
            }

            await CompareAsync(tracer);
            return (await CheckpointSaver.SaveRunningAsync(guest, tracer, target, options, cancellationToken), compared);
        }

        // QEMU writes memory while it saves its devices; then the state is there for the save, which asks for it again.
        await guest.PauseAsync(cancellationToken);
        if (parent is not null)
        {
            await guest.SaveStateAsync(new DeviceStateWriter(), cancellationToken);
        }

        await CompareAsync(null);
        CheckpointReport report = await CheckpointSaver.SaveAsync(guest, target, options, cancellationToken);
        if (!settings.Suspend)
        {
            await guest.ResumeAsync(owner.Epoch, CancellationToken.None);
        }

        return (report, compared);
    }
}
