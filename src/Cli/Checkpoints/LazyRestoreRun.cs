using System.Diagnostics;
using PageEngine.Checkpoints;
using PageEngine.Cli.Commands;
using PageEngine.Cli.Output;
using PageEngine.EmbeddedGuest;
using PageEngine.Ownership;

namespace PageEngine.Cli.Checkpoints;

// Owns: `checkpoint restore --lazy`: the guest runs at once, its memory follows. Damage that shows behind it ends it.

/// <summary>Restores a guest lazily.</summary>
internal static class LazyRestoreRun
{
    /// <summary>Runs the command.</summary>
    public static async Task<int> RunAsync(Host host, string file, TimeSpan runFor, string? ownership, bool takeOver, bool verify, string? json)
    {
        if (file == CheckpointCommand.Standard)
        {
            throw new UsageException("--lazy: pages cannot be fetched later from a stream; give a file.");
        }

        long began = Stopwatch.GetTimestamp();
        CheckpointResults results = new(host, json);
        using Interrupts interrupts = new(host, "Ending: the guest is stopped.");
        using CheckpointChain chain = CheckpointChain.Open(file);
        using VerifiableGuest guest = CheckpointGuestRun.Create(chain.Checkpoint);
        using CheckpointLazyRestore restore = chain.BeginRestore(guest.Memory);
        await guest.LoadStateAsync(restore.State, interrupts.Token);
        GuestOwnership owner = await CheckpointGuestRun.ClaimAsync(ownership, chain.Checkpoint, takeOver, interrupts.Token);
        long before = guest.Operations;
        await guest.ResumeAsync(owner.Epoch, interrupts.Token);
        bool runs = guest.Options.Workloads.Any(w => w.Kind != WorkloadKind.Idle);
        runs = runs && SpinWait.SpinUntil(() => guest.Operations > before, TimeSpan.FromSeconds(10));
        double? first = runs ? Stopwatch.GetElapsedTime(began).TotalMilliseconds : null;
        await Task.WhenAny(restore.Completion, Task.Delay(Timeout.Infinite, interrupts.Token));
        double took = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        if (restore.Completion.IsFaulted)
        {
            await guest.PauseAsync(CancellationToken.None);
            results.People.WriteLine($"The guest ran for {Human.Milliseconds(took)} and was stopped: its checkpoint is damaged.");
        }

        if (restore.Completion.IsCompleted)
        {
            await restore.Completion;
        }

        double cpuSeconds = CheckpointResults.CpuSeconds;
        GuestFindings? findings = null;
        if (verify)
        {
            findings = await CheckpointGuestRun.RunAndCheckAsync(host, guest, runFor, interrupts.Token);
        }
        else
        {
            await CheckpointGuestRun.WaitAsync(host, runFor, interrupts.Token);
        }

        CheckpointDocument document = CheckpointDocument.From("restore", file, chain.Checkpoint).With(findings) with
        {
            Epoch = guest.Epoch,
            TotalMs = took,
            FirstOperationMs = first,
            CpuSeconds = cpuSeconds,
        };
        results.Describe(document);
        string running = first is { } ms ? $"first operation after {Human.Milliseconds(ms)}, " : "";
        results.People.WriteLine($"restored   {running}{Human.Count(restore.MappedPages)} pages came as they were touched, all there and checked after {Human.Milliseconds(took)}");
        if (findings is not null)
        {
            CheckpointGuestRun.Describe(results.People, findings);
        }

        results.Publish(document);
        return CheckpointGuestRun.CodeFor(findings);
    }
}
