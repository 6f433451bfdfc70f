using System.Globalization;
using PageEngine.Cli.Commands;
using PageEngine.Memory;
using PageEngine.Qemu.Launch;
using PageEngine.Qemu.Machine;
using PageEngine.Qemu.Monitor;
using PageEngine.Qemu.Preflight;

namespace PageEngine.Cli.Qemu;

// Owns: the QEMU that takes a machine: one that waits already, or one that is started for the machine that is offered. Either
// way it is looked over, and its memory is reserved, before it is used.

/// <summary>A QEMU that waits for a machine.</summary>
internal sealed class DestinationQemu : IAsyncDisposable
{
    private readonly IReadOnlyList<string> _madeFiles;
    private GuestMemory? _reserved;

    private DestinationQemu(QemuMachine machine, MachineDescription description, IReadOnlyList<string> madeFiles)
    {
        Machine = machine;
        Description = description;
        _madeFiles = madeFiles;
    }

    /// <summary>Gets the QEMU.</summary>
    public QemuMachine Machine { get; }

    /// <summary>Gets what it is made of.</summary>
    public MachineDescription Description { get; }

    /// <summary>Connects to one that waits.</summary>
    /// <exception cref="MigrationException">It cannot take a machine.</exception>
    /// <exception cref="QmpException">Its monitor cannot be used.</exception>
    public static async Task<DestinationQemu> ConnectAsync(CommandRun run, QemuReceiveSettings receive, CancellationToken cancellationToken) =>
        await AdoptAsync(
            run, receive, await QemuMachine.ConnectAsync(receive.Qmp, receive.ProcessId, new QmpOptions { Logger = run.Log }, cancellationToken), [], cancellationToken);

    /// <summary>Starts one for a machine.</summary>
    /// <exception cref="MigrationException">None can be started for it here.</exception>
    public static async Task<DestinationQemu> LaunchAsync(
        CommandRun run, QemuReceiveSettings receive, MachineDescription source, CancellationToken cancellationToken)
    {
        string monitor = Path.GetFullPath(receive.Qmp);
        (LaunchPlan? plan, IReadOnlyList<Finding> findings) = LaunchPlan.Make(source.Arguments, receive.Mappings, monitor);
        if (plan is null || (findings = QemuLauncher.Judge(plan, monitor)).Count > 0)
        {
            throw Finding.Refuse(findings);
        }

        run.Step($"Starting {plan.Program} {string.Join(' ', plan.Arguments)}");
        try
        {
            QemuMachine machine = await QemuLauncher.StartAsync(plan, monitor, new QmpOptions { Logger = run.Log }, cancellationToken);
            try
            {
                return await AdoptAsync(run, receive, machine, plan.MemoryFiles, cancellationToken);
            }
            catch
            {
                await QuitAsync(machine);
                throw;
            }
        }
        catch (Exception e)
        {
            Remove(plan.MemoryFiles);
            throw e is QmpException ? new MigrationException(MigrationErrorKind.Refused, e.Message, e) : e;
        }
    }

    /// <summary>Gives the memory to an attempt: the reserved one to the first.</summary>
    public GuestMemory TakeMemory() => Interlocked.Exchange(ref _reserved, null) ?? QemuMachine.MapMemory(Machine.FindRam());

    /// <summary>Ends a QEMU that was started for nothing, and removes its memory.</summary>
    public async ValueTask DiscardAsync()
    {
        await QuitAsync(Machine);
        await DisposeAsync();
        Remove(_madeFiles);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Interlocked.Exchange(ref _reserved, null)?.Dispose();
        await Machine.DisposeAsync();
    }

    private static async Task<DestinationQemu> AdoptAsync(
        CommandRun run, QemuReceiveSettings receive, QemuMachine machine, IReadOnlyList<string> madeFiles, CancellationToken cancellationToken)
    {
        try
        {
            MachineDescription description = await MachineInspector.DescribeAsync(machine, cancellationToken);
            MachineState state = await MachineInspector.LookAsync(machine, cancellationToken);
            if (DestinationCheck.Judge(description, state, machine.Ram, HostCheck.FreeBytes) is { Count: > 0 } findings)
            {
                throw Finding.Refuse(findings);
            }

            return new DestinationQemu(machine, description, madeFiles) { _reserved = Reserve(run, receive, machine, cancellationToken) };
        }
        catch when (madeFiles.Count == 0)
        {
            await machine.DisposeAsync();
            throw;
        }
    }

    // The memory that the machine will have, taken while nobody waits for it; the first attempt gets it.
    private static GuestMemory Reserve(CommandRun run, QemuReceiveSettings receive, QemuMachine machine, CancellationToken cancellationToken)
    {
        GuestMemory memory = QemuMachine.MapMemory(machine.FindRam());
        try
        {
            if (!receive.Sparse)
            {
                long began = run.Time.GetTimestamp();
                memory.Populate(cancellationToken);
                run.Step(string.Create(
                    CultureInfo.InvariantCulture, $"{Units.FormatBytes(memory.Layout.Bytes)} of memory are reserved, in {run.Time.GetElapsedTime(began).TotalMilliseconds:0} ms."));
            }

            return memory;
        }
        catch
        {
            memory.Dispose();
            throw;
        }
    }

    private static async Task QuitAsync(QemuMachine machine)
    {
        try
        {
            await machine.Monitor.ExecuteAsync("quit");
        }
        catch (QmpException)
        {
            // It is gone, which is what was asked for.
        }

        await machine.DisposeAsync();
    }

    private static void Remove(IEnumerable<string> files)
    {
        foreach (string file in files)
        {
            try
            {
                File.Delete(file);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Said by the next attempt, which finds it in its way.
            }
        }
    }
}
