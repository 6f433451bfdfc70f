using System.CommandLine;
using PageEngine.Bitmaps;
using PageEngine.Checkpoints;
using PageEngine.Cli.Commands;
using PageEngine.Cli.Output;
using PageEngine.EmbeddedGuest;
using PageEngine.Ownership;
using PageEngine.Planning;
using PageEngine.Tracing;

namespace PageEngine.Cli.Checkpoints;

// Owns: `checkpoint save`: a guest runs and is saved while it runs; or it comes from a checkpoint, and what it changes is saved.

/// <summary>Saves a guest.</summary>
internal static class CheckpointSaveCommand
{
    private sealed record Settings(
        string File, CheckpointCompression Compression, TimeSpan Warmup, TimeSpan Goal, bool Paused, bool Suspend, string? Parent,
        WriteTracerKind Tracer, string? Ownership, bool TakeOver, TimeSpan RunFor, bool Verify, string? Json);

    /// <summary>Makes the command.</summary>
    public static Command Create(Host host)
    {
        Argument<string> file = CheckpointCommand.File("Where the checkpoint goes; - for stdout. A file that is there is replaced when the new one is complete.");
        WordOption<CheckpointCompression> compress = CheckpointCommand.Compress();
        WordOption<TimeSpan> warmup = new("--warmup", "TIME", "How long the guest runs before it is saved. Default 1s.", TimeSpan.FromSeconds(1), OptionParsers.Duration);
        WordOption<TimeSpan> goal = new("--goal", "TIME", "The longest pause that is acceptable. Default 500ms.", TimeSpan.FromMilliseconds(500), CommonOptions.PositiveDuration);
        Option<bool> paused = new("--paused") { Description = "Pause the guest for the whole save instead of saving it while it runs." };
        Option<bool> suspend = new("--suspend") { Description = "Stop the guest here for good: it goes on where the checkpoint is restored." };
        Option<string?> parent = new("--parent") { Description = "Save only what changed since this checkpoint: the guest is taken from it and run; a QEMU machine is compared with it. Both files must stay in one directory.", HelpName = "FILE" };
        WordOption<WriteTracerKind> tracer = CheckpointGuestOptions.Tracer();
        Option<string?> ownership = CheckpointCommand.Ownership();
        Option<bool> takeOver = CheckpointCommand.TakeOver();
        WordOption<TimeSpan> runFor = new("--run-for", "TIME", "How long the guest runs on after it was saved. Default 200ms.", TimeSpan.FromMilliseconds(200), OptionParsers.Duration);
        Option<bool> verify = new("--verify") { Description = "Check the guest against a replay of its run, and the file against its checksums, before exiting." };
        Option<string?> json = CommonOptions.Json();
        ExampleCommand command = new(
            "save",
            "Saves a guest while it runs, with a pause like that of a switchover: a self-verifying one that it starts, or a QEMU machine.",
            "pageengine checkpoint save guest.ckpt",
            "pageengine checkpoint save guest.ckpt --memory 4GiB --compress lz4 --suspend --ownership /mnt/shared/ownership",
            "pageengine checkpoint save next.ckpt --parent guest.ckpt --warmup 2s",
            "pageengine checkpoint save machine.ckpt --qmp /run/vm.qmp --compress lz4",
            "pageengine checkpoint save next.ckpt --qmp /run/vm.qmp --parent machine.ckpt",
            "pageengine checkpoint save - --suspend | ssh host.example pageengine checkpoint restore -")
        {
            file, compress, warmup, goal, paused, suspend, parent, tracer, ownership, takeOver, runFor, verify, json,
        };
        CheckpointGuestOptions guest = new(command);
        QemuCheckpointOptions qemu = new(command, "Save the machine of a running QEMU, by its monitor socket, as in -qmp unix:PATH,server=on,wait=off.");
        command.SetAction((parsed, _) => qemu.Read(
            parsed, guest.FirstGivenButIdentity(parsed), warmup.IsGiven(parsed) ? warmup.Name : null, runFor.IsGiven(parsed) ? runFor.Name : null,
            tracer.IsGiven(parsed) ? tracer.Name : null, parsed.GetValue(takeOver) ? takeOver.Name : null) is { } machine
            ? QemuCheckpointSave.RunAsync(host, new QemuSaveSettings(
                parsed.GetValue(file)!, machine.Monitor, machine.ProcessId, compress.Read(parsed), goal.Read(parsed), parsed.GetValue(paused), parsed.GetValue(suspend),
                parsed.GetValue(parent), guest.Identity(parsed), parsed.GetValue(ownership), parsed.GetValue(verify), parsed.GetValue(json)))
            : RunAsync(host, parsed, guest, new Settings(
            parsed.GetValue(file)!, compress.Read(parsed), warmup.Read(parsed), goal.Read(parsed), parsed.GetValue(paused), parsed.GetValue(suspend),
            parsed.GetValue(parent), tracer.Read(parsed), parsed.GetValue(ownership), parsed.GetValue(takeOver), runFor.Read(parsed), parsed.GetValue(verify), parsed.GetValue(json))));
        return command;
    }

    private static async Task<int> RunAsync(Host host, ParseResult parsed, CheckpointGuestOptions options, Settings settings)
    {
        bool toStdout = settings.File == CheckpointCommand.Standard;
        CheckpointResults results = new(host, settings.Json, toStdout);
        results.Check();
        if (settings.Parent is not null && options.FirstGiven(parsed) is { } given)
        {
            throw new UsageException($"{given}: with --parent the guest is the one in that checkpoint.");
        }

        if (settings.Parent is { } named)
        {
            CheckpointCommand.OpenParent(named, settings.File).Dispose();
        }

        using Interrupts interrupts = new(host, "Cancelling: no checkpoint is written. Once more ends the program at once.");
        (VerifiableGuest guest, CheckpointInfo? parent) = settings.Parent is { } path
            ? await CheckpointGuestRun.RestoreAsync(path, interrupts.Token)
            : (options.Create(parsed), null);
        using (guest)
        {
            WriteTracerChoice choice = WriteTracers.Create(settings.Tracer, guest.Memory, guestMarksWrites: true);
            using IWriteTracer tracer = choice.Tracer;
            guest.AttachTracer(tracer);
            using DirtyBitmap? changed = parent is null ? null : new DirtyBitmap(guest.Memory.PageCount);
            if (parent is not null)
            {
                tracer.Start();
            }

            using FileOwnershipStore? store = OwnershipStores.Open(settings.Ownership);
            GuestOwnership owner = parent is null
                ? await GuestOwnership.ClaimAsync(store, guest.Id, interrupts.Token)
                : await CheckpointOwnership.ClaimAsync(store, parent, settings.TakeOver, interrupts.Token);
            await guest.ResumeAsync(owner.Epoch, interrupts.Token);
            results.Step($"The guest runs here for {Units.FormatDuration(settings.Warmup)}.");
            await Task.Delay(settings.Warmup, host.Time, interrupts.Token);
            CheckpointReport report = await SaveAsync(settings, guest, tracer, changed, parent, owner, interrupts.Token);
            return await FinishAsync(host, results, settings, guest, owner, report, interrupts.Token);
        }
    }

    private static async Task<CheckpointReport> SaveAsync(
        Settings settings, VerifiableGuest guest, IWriteTracer tracer, DirtyBitmap? changed, CheckpointInfo? parent, GuestOwnership owner, CancellationToken cancellationToken)
    {
        CheckpointOptions options = new()
        {
            Compression = settings.Compression,
            Epoch = owner.Epoch,
            Run = owner.Store is null ? default : owner.Run,
            Suspend = settings.Suspend,
            Parent = parent,
            Changed = changed,
            KeepTracing = parent is not null,
            Policy = new SwitchoverTimeGoalPolicy(new SwitchoverTimeGoalOptions { Goal = settings.Goal }),
        };
        using Stream? stdout = settings.File == CheckpointCommand.Standard ? Console.OpenStandardOutput() : null;
        CheckpointTarget target = stdout is null ? CheckpointTarget.File(settings.File) : CheckpointTarget.Stream(stdout);
        if (!settings.Paused)
        {
            changed?.Clear();
            if (changed is not null)
            {
                tracer.Collect(changed);
            }

            return await CheckpointSaver.SaveRunningAsync(guest, tracer, target, options, cancellationToken);
        }

        await guest.PauseAsync(cancellationToken);
        if (changed is not null)
        {
            tracer.Collect(changed);
        }

        return await CheckpointSaver.SaveAsync(guest, target, options, cancellationToken);
    }

    private static async Task<int> FinishAsync(
        Host host, CheckpointResults results, Settings settings, VerifiableGuest guest, GuestOwnership owner, CheckpointReport report, CancellationToken cancellationToken)
    {
        double cpuSeconds = CheckpointResults.CpuSeconds;
        GuestFindings? findings = null;
        if (settings.Suspend)
        {
            findings = settings.Verify ? GuestFindings.From(guest.Verify(CancellationToken.None)) : null;
            await guest.PowerOffAsync(CancellationToken.None);
        }
        else
        {
            await guest.ResumeAsync(owner.Epoch, CancellationToken.None);
            if (settings.Verify)
            {
                findings = await CheckpointGuestRun.RunAndCheckAsync(host, guest, settings.RunFor, cancellationToken);
            }
            else
            {
                await CheckpointGuestRun.WaitAsync(host, settings.RunFor, cancellationToken);
            }
        }

        if (settings.Verify && settings.File != CheckpointCommand.Standard)
        {
            using CheckpointChain chain = CheckpointChain.Open(settings.File);
            chain.Verify(0, CancellationToken.None);
        }

        CheckpointDocument document = CheckpointDocument.From("save", settings.File, report.Checkpoint).With(report, cpuSeconds).With(findings);
        results.Describe(document);
        string pause = report.Pause is { } time ? $", the guest stood still for {Human.Milliseconds(time.TotalMilliseconds)}" : ", the guest was paused";
        results.People.WriteLine($"took       {Human.Milliseconds(report.Total.TotalMilliseconds)} in {report.Rounds.Count} {(report.Rounds.Count == 1 ? "round" : "rounds")}{pause}");
        if (findings is not null)
        {
            CheckpointGuestRun.Describe(results.People, findings);
        }

        results.Publish(document);
        return CheckpointGuestRun.CodeFor(findings);
    }
}
