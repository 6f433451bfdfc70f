using System.CommandLine;
using System.Diagnostics;
using PageEngine.Checkpoints;
using PageEngine.Cli.Commands;
using PageEngine.Cli.Output;
using PageEngine.EmbeddedGuest;
using PageEngine.Ownership;

namespace PageEngine.Cli.Checkpoints;

// Owns: `checkpoint restore`: the guest goes on from where it was saved.

/// <summary>Restores a guest.</summary>
internal static class CheckpointRestoreCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Host host)
    {
        Argument<string> file = CheckpointCommand.File("The checkpoint; - for stdin. Its parents are looked for beside it.");
        WordOption<TimeSpan> runFor = new("--run-for", "TIME", "How long the guest runs before the program ends. Default 1s.", TimeSpan.FromSeconds(1), OptionParsers.Duration);
        Option<string?> ownership = CheckpointCommand.Ownership();
        Option<bool> takeOver = CheckpointCommand.TakeOver();
        Option<bool> verify = new("--verify") { Description = "Check the guest against a replay of its whole run: before it goes on, and before exiting." };
        Option<bool> lazy = new("--lazy") { Description = "Let the guest run at once: raw pages come as it touches them, and are checked behind it. Damage is then found while it runs." };
        Option<string?> json = CommonOptions.Json();
        ExampleCommand command = new(
            "restore",
            "Brings a guest back from a checkpoint, checked to the last byte, and lets it run on.",
            "pageengine checkpoint restore guest.ckpt",
            "pageengine checkpoint restore guest.ckpt --verify --run-for 5s --ownership /mnt/shared/ownership",
            "pageengine checkpoint restore guest.ckpt --lazy",
            "pageengine checkpoint restore machine.ckpt --qmp /run/waiting.qmp --ownership /mnt/shared/ownership",
            "pageengine checkpoint restore machine.ckpt --qmp /run/waiting.qmp --lazy",
            "pageengine checkpoint restore - < guest.ckpt")
        {
            file, runFor, ownership, takeOver, verify, lazy, json,
        };
        QemuCheckpointOptions qemu = new(command, "Restore into a QEMU that was started with -incoming defer -S, by its monitor socket. It goes on by itself; this program ends.");
        command.SetAction((parsed, _) => qemu.Read(
            parsed, runFor.IsGiven(parsed) ? runFor.Name : null, parsed.GetValue(verify) ? verify.Name : null) is { } machine
            ? parsed.GetValue(lazy)
            ? QemuLazyRestore.RunAsync(host, parsed.GetValue(file)!, machine.Monitor, machine.ProcessId, parsed.GetValue(ownership), parsed.GetValue(takeOver), parsed.GetValue(json))
            : QemuCheckpointRestore.RunAsync(host, parsed.GetValue(file)!, machine.Monitor, machine.ProcessId, parsed.GetValue(ownership), parsed.GetValue(takeOver), parsed.GetValue(json))
            : parsed.GetValue(lazy)
            ? LazyRestoreRun.RunAsync(host, parsed.GetValue(file)!, runFor.Read(parsed), parsed.GetValue(ownership), parsed.GetValue(takeOver), parsed.GetValue(verify), parsed.GetValue(json))
            : RunAsync(host, parsed.GetValue(file)!, runFor.Read(parsed), parsed.GetValue(ownership), parsed.GetValue(takeOver), parsed.GetValue(verify), parsed.GetValue(json)));
        return command;
    }

    private static async Task<int> RunAsync(Host host, string file, TimeSpan runFor, string? ownership, bool takeOver, bool verify, string? json)
    {
        CheckpointResults results = new(host, json);
        using Interrupts interrupts = new(host, "Ending: the guest is stopped.");
        long began = Stopwatch.GetTimestamp();
        (VerifiableGuest guest, CheckpointInfo checkpoint) = await CheckpointGuestRun.RestoreAsync(file, interrupts.Token);
        using (guest)
        {
            TimeSpan took = Stopwatch.GetElapsedTime(began);
            double cpuSeconds = CheckpointResults.CpuSeconds;
            GuestFindings? findings = verify ? GuestFindings.From(guest.Verify(interrupts.Token)) : null;
            if (findings is null or { IsGood: true })
            {
                GuestOwnership owner = await CheckpointGuestRun.ClaimAsync(ownership, checkpoint, takeOver, interrupts.Token);
                await guest.ResumeAsync(owner.Epoch, interrupts.Token);
                results.Step($"The guest runs here under epoch {owner.Epoch} for {Units.FormatDuration(runFor)}.");
                if (verify)
                {
                    findings = await CheckpointGuestRun.RunAndCheckAsync(host, guest, runFor, interrupts.Token);
                }
                else
                {
                    await CheckpointGuestRun.WaitAsync(host, runFor, interrupts.Token);
                }
            }

            CheckpointDocument document = CheckpointDocument.From("restore", file, checkpoint).With(findings) with
            {
                TotalMs = took.TotalMilliseconds,
                CpuSeconds = cpuSeconds,
                BytesPerSecond = checkpoint.DataPages * 4096.0 / Math.Max(1e-6, took.TotalSeconds),
                Epoch = guest.Epoch,
            };
            results.Describe(document);
            results.People.WriteLine($"restored   in {Human.Milliseconds(took.TotalMilliseconds)}, ran on under epoch {guest.Epoch}");
            if (findings is not null)
            {
                CheckpointGuestRun.Describe(results.People, findings);
            }

            results.Publish(document);
            return CheckpointGuestRun.CodeFor(findings);
        }
    }
}
