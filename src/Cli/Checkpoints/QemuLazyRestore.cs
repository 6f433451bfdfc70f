using System.ComponentModel;
using System.Diagnostics;
using Microsoft.Win32.SafeHandles;
using PageEngine.Checkpoints;
using PageEngine.Cli.Commands;
using PageEngine.Cli.Output;
using PageEngine.Devices;
using PageEngine.Ownership;
using PageEngine.Qemu.Guests;
using PageEngine.Qemu.Machine;
using PageEngine.Qemu.Monitor;
using PageEngine.Qemu.Processes;

namespace PageEngine.Cli.Checkpoints;

// Owns: `checkpoint restore --qmp --lazy`: the machine runs at once, and its memory comes as it is touched. Two processes can bring it,
// this one and its keeper; a page that neither can bring ends QEMU, which waits for it and could not be stopped otherwise.

/// <summary>Restores a QEMU machine lazily.</summary>
internal static class QemuLazyRestore
{
    /// <summary>Runs the command.</summary>
    public static async Task<int> RunAsync(Host host, string file, string monitor, int? processId, string? ownership, bool takeOver, string? json)
    {
        if (file == CheckpointCommand.Standard)
        {
            throw new UsageException("--lazy: pages cannot be fetched later from a stream; give a file.");
        }

        CheckpointResults results = new(host, json);
        using Interrupts interrupts = new(host, "Ending: a machine that does not run yet is not started; for one that runs, its memory is brought first.");
        long began = Stopwatch.GetTimestamp();
        using QemuPageKeeper keeper = new();
        try
        {
            await using QemuMachine machine = await QemuMachine.ConnectAsync(monitor, processId, null, interrupts.Token);
            MachineDescription here = await QemuCheckpointRestore.DescribeAsync(machine, interrupts.Token);
            using CheckpointChain chain = CheckpointChain.Open(file);
            using FileOwnershipStore? store = OwnershipStores.Open(ownership);
            await CheckpointOwnership.CheckAsync(store, chain.Checkpoint, takeOver, interrupts.Token);
            DeviceState state = chain.ReadDeviceState();
            await using QemuGuest guest = QemuCheckpointRestore.CreateGuest(host, machine, here, chain.Checkpoint);
            ulong[] addresses = [.. machine.FindRam().Select(ram => ram.Start)];
            using ProcessHandle process = Open(machine);
            SafeFileHandle userfaultfd = await machine.FetchUserfaultfdAsync(interrupts.Token);
            using CheckpointPageServer server = chain.BeginServing(guest.Memory, userfaultfd, addresses);
            await keeper.PrepareAsync(file, chain.Checkpoint, (int)userfaultfd.DangerousGetHandle(), machine, addresses, interrupts.Token);

            // QEMU that waits for such a page answers nothing more.
            _ = server.Completion.ContinueWith(_ => process.Kill(), CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            (GuestOwnership owner, double runs) = await BringAsync(host, keeper, process, server, guest, state, chain.Checkpoint, store, takeOver, began, interrupts.Token);
            double took = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
            CheckpointDocument document = CheckpointDocument.From("restore", file, chain.Checkpoint) with
            {
                Epoch = owner.Epoch,
                RunningMs = runs,
                TotalMs = took,
                CpuSeconds = CheckpointResults.CpuSeconds,
            };
            results.Describe(document);
            results.People.WriteLine($"restored   QEMU (process {machine.ProcessId}) ran the machine after {Human.Milliseconds(runs)} under epoch {owner.Epoch}; {Human.Count(server.TouchedPages)} times it waited for a page; all there and checked after {Human.Milliseconds(took)}");
            results.Publish(document);
            return ExitCodes.Done;
        }
        catch (QmpException exception)
        {
            throw new MigrationException(MigrationErrorKind.Refused, exception.Message, exception);
        }
    }

    private static async Task<(GuestOwnership Owner, double RunningMs)> BringAsync(
        Host host, QemuPageKeeper keeper, ProcessHandle process, CheckpointPageServer server, QemuGuest guest, DeviceState state, CheckpointInfo checkpoint,
        IOwnershipStore? store, bool takeOver, long began, CancellationToken cancellationToken)
    {
        await keeper.BeginAsync();
        try
        {
            await guest.LoadStateAsync(state, cancellationToken);
            GuestOwnership owner = await QemuCheckpointRestore.StartAsync(host, guest, checkpoint, store, takeOver, cancellationToken);
            double runs = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
            server.BeginFilling();
            await server.Completion;
            return (owner, runs);
        }
        catch
        {
            // It has taken a state and has not all of its memory: it can neither run nor be given another one.
            process.Kill();
            if (server.Completion.IsFaulted)
            {
                host.Error.WriteLine("The machine was stopped and its QEMU ended: its memory could not be brought.");
                await server.Completion;
            }

            throw;
        }
        finally
        {
            await keeper.EndAsync();
        }
    }

    private static ProcessHandle Open(QemuMachine machine)
    {
        try
        {
            return ProcessHandle.Open(machine.ProcessId, machine.StartedAt);
        }
        catch (Win32Exception e)
        {
            throw new MigrationException(MigrationErrorKind.Refused, $"QEMU (process {machine.ProcessId}) cannot be watched: {e.Message}.", e);
        }
    }
}
