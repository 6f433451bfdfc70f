using System.Diagnostics;
using PageEngine.Checkpoints;
using PageEngine.Cli.Commands;
using PageEngine.Cli.History;
using PageEngine.Cli.Output;
using PageEngine.Ownership;
using PageEngine.Qemu.Guests;
using PageEngine.Qemu.Machine;
using PageEngine.Qemu.Monitor;
using PageEngine.Qemu.Preflight;

namespace PageEngine.Cli.Checkpoints;

// Owns: `checkpoint restore --qmp`: a machine from a checkpoint into a QEMU that waits for one. The QEMU then goes on by itself;
// this program ends. What can be refused is refused before QEMU is given anything: it takes one state, and no second.

/// <summary>Restores a QEMU machine.</summary>
internal static class QemuCheckpointRestore
{
    /// <summary>Runs the command.</summary>
    public static async Task<int> RunAsync(Host host, string file, string monitor, int? processId, string? ownership, bool takeOver, string? json)
    {
        CheckpointResults results = new(host, json);
        using Interrupts interrupts = new(host, "Ending: the machine is not started.");
        long began = Stopwatch.GetTimestamp();
        try
        {
            await using QemuMachine machine = await QemuMachine.ConnectAsync(monitor, processId, null, interrupts.Token);
            using FileOwnershipStore? store = OwnershipStores.Open(ownership);
            (QemuGuest guest, CheckpointInfo checkpoint) = await LoadAsync(host, machine, file, store, takeOver, interrupts.Token);
            await using (guest)
            {
                GuestOwnership owner = await StartAsync(host, guest, checkpoint, store, takeOver, interrupts.Token);
                double took = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
                CheckpointDocument document = CheckpointDocument.From("restore", file, checkpoint) with
                {
                    Epoch = owner.Epoch,
                    TotalMs = took,
                    CpuSeconds = CheckpointResults.CpuSeconds,
                    BytesPerSecond = checkpoint.DataPages * 4096.0 / Math.Max(1e-3, took / 1000),
                };
                results.Describe(document);
                results.People.WriteLine($"restored   in {Human.Milliseconds(took)}; QEMU (process {machine.ProcessId}) runs the machine under epoch {owner.Epoch}");
                results.Publish(document);
                return ExitCodes.Done;
            }
        }
        catch (QmpException exception)
        {
            throw new MigrationException(MigrationErrorKind.Refused, exception.Message, exception);
        }
    }

    /// <summary>Finds out what waits, and refuses it where it cannot take a machine.</summary>
    public static async Task<MachineDescription> DescribeAsync(QemuMachine machine, CancellationToken cancellationToken)
    {
        MachineDescription here = await MachineInspector.DescribeAsync(machine, cancellationToken);
        MachineState state = await MachineInspector.LookAsync(machine, cancellationToken);
        return DestinationCheck.Judge(here, state, machine.Ram, HostCheck.FreeBytes) is { Count: > 0 } findings ? throw Finding.Refuse(findings) : here;
    }

    /// <summary>Makes the guest that a checkpoint is to be loaded into, or refuses what does not fit. A state that does not load ends
    /// QEMU; one that was not given leaves it waiting.</summary>
    public static QemuGuest CreateGuest(Host host, QemuMachine machine, MachineDescription here, CheckpointInfo checkpoint)
    {
        if (checkpoint.Description.Kind != QemuGuest.Kind)
        {
            throw new MigrationException(MigrationErrorKind.Refused, $"The checkpoint is of a guest of kind '{checkpoint.Description.Kind}', not of a QEMU machine. Restore it without --qmp.");
        }

        if (DestinationCheck.Compare(MachineDescription.Decode(checkpoint.Description.Configuration), here) is { Count: > 0 } differences)
        {
            throw Finding.Refuse(differences);
        }

        QemuGuest guest = new(checkpoint.GuestId, machine, QemuMachine.MapMemory(machine.FindRam()), QemuRole.Destination, here, host.Time);
        if (guest.Memory.Layout.Equals(checkpoint.Layout))
        {
            return guest;
        }

        guest.Dispose();
        throw new MigrationException(MigrationErrorKind.Refused, $"The machine was saved with the memory {checkpoint.Layout}; the QEMU that waits has {here.Ram.Sum(r => r.Bytes)} bytes in {here.Ram.Count} backends. Start it with the same memory.");
    }

    private static async Task<(QemuGuest Guest, CheckpointInfo Checkpoint)> LoadAsync(
        Host host, QemuMachine machine, string file, IOwnershipStore? store, bool takeOver, CancellationToken cancellationToken)
    {
        MachineDescription here = await DescribeAsync(machine, cancellationToken);
        QemuGuest Create(CheckpointInfo checkpoint) => CreateGuest(host, machine, here, checkpoint);
        if (file == CheckpointCommand.Standard)
        {
            using Stream input = Console.OpenStandardInput();
            return await CheckpointChain.RestoreFromStreamAsync(input, Create, cancellationToken);
        }

        using CheckpointChain chain = CheckpointChain.Open(file);
        await CheckpointOwnership.CheckAsync(store, chain.Checkpoint, takeOver, cancellationToken);
        return (await chain.RestoreAsync(Create, 0, cancellationToken), chain.Checkpoint);
    }

    /// <summary>Lets a machine run that was loaded; if it may not, its QEMU is quit.</summary>
    public static async Task<GuestOwnership> StartAsync(
        Host host, QemuGuest guest, CheckpointInfo checkpoint, IOwnershipStore? store, bool takeOver, CancellationToken cancellationToken)
    {
        try
        {
            GuestOwnership owner = await CheckpointOwnership.ClaimAsync(store, checkpoint, takeOver, cancellationToken);
            if (store is not null)
            {
                StateDirectory directory = StateDirectory.Choose(host.Variable, host.IsRoot);
                directory.Create();
                new GuestRights(directory.Rights).Keep(owner);
            }

            await guest.ResumeAsync(owner.Epoch, cancellationToken);
            return owner;
        }
        catch
        {
            // It has the machine's state, and must not run it: somebody else does, or may.
            await guest.PowerOffAsync(CancellationToken.None);
            throw;
        }
    }
}
