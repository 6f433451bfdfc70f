using PageEngine.Qemu.Machine;
using PageEngine.Qemu.Ram;

namespace PageEngine.Qemu.Preflight;

// Owns: what must hold of a machine that is to be moved away. Pure.

/// <summary>Judges a machine that is to be moved.</summary>
public static class SourceCheck
{
    /// <summary>From this version on QEMU leaves out only memory that is a file.</summary>
    private static readonly Version _namedFilesOnly = new(8, 1);

    private static readonly string[] _outsideDevices = ["vhost-user-", "vfio-", "vhost-vdpa", "ivshmem-doorbell"];
    private static readonly string[] _outsideBackends = ["vhost-user", "vhost-vdpa"];

    /// <summary>Finds everything that stands in the way.</summary>
    /// <param name="machine">What the machine is made of.</param>
    /// <param name="state">How it is.</param>
    /// <param name="ram">Its memory backends.</param>
    public static IReadOnlyList<Finding> Judge(MachineDescription machine, MachineState state, IReadOnlyList<RamBackend> ram)
    {
        ArgumentNullException.ThrowIfNull(machine);
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(ram);
        var findings = new List<Finding>();
        if (DeviceStateCapabilities.Lacking(state) is { } lacking)
        {
            findings.Add(lacking);
        }

        if (state.RunState != "running")
        {
            findings.Add(new Finding(
                $"The machine does not run: QEMU is in state '{state.RunState}'.",
                state.RunState is "paused" or "postmigrate" or "prelaunch" ? "Continue it first (`cont` at its monitor), unless another migration holds it: `pageengine list` shows that." : "Wait until it runs, or start it again."));
        }

        if (Guests.DeviceStateTransfer.IsUnderWay(state.MigrationState))
        {
            findings.Add(new Finding($"QEMU is migrating this machine itself (state '{state.MigrationState}').", "Wait for it, or cancel it with `migrate_cancel`."));
        }

        findings.AddRange(state.Blockers.Select(blocker => new Finding($"QEMU itself refuses: {blocker.TrimEnd('.')}.", "Remove what it names; its device state cannot be moved.")));
        AddMemory(findings, machine, state, ram);
        AddOutsideWriters(findings, machine, state);
        return findings;
    }

    private static void AddMemory(List<Finding> findings, MachineDescription machine, MachineState state, IReadOnlyList<RamBackend> ram)
    {
        const string Remedy = "Start QEMU with -object memory-backend-file,id=ram,size=…,mem-path=/dev/shm/NAME,share=on and -machine …,memory-backend=ram (libvirt: memoryBacking with source type 'file' and access mode 'shared').";
        foreach (RamBackend backend in ram.Where(backend => !backend.IsShared))
        {
            findings.Add(new Finding($"Memory backend '{backend.Name}' is private to QEMU: its {backend.Bytes} bytes can be neither read nor traced from outside.", Remedy));
        }

        long shared = ram.Where(backend => backend.IsShared).Sum(backend => backend.Bytes);
        if (shared < state.MemoryBytes && ram.All(backend => backend.IsShared))
        {
            findings.Add(new Finding($"Only {shared} of the machine's {state.MemoryBytes} bytes of memory have a shared memory backend.", Remedy));
        }

        if (Version.TryParse(machine.Version, out Version? version) && version >= _namedFilesOnly)
        {
            foreach (RamBackend backend in ram.Where(backend => backend is { IsShared: true, Path: null }))
            {
                findings.Add(new Finding($"Memory backend '{backend.Name}' has no file: QEMU {machine.Version} would move it itself.", Remedy));
            }
        }
    }

    // The tracer sees what QEMU's own address space is written through. Kernel threads that work for QEMU (vhost-net) do
    // that; these do not.
    private static void AddOutsideWriters(List<Finding> findings, MachineDescription machine, MachineState state)
    {
        foreach (DeviceDescription device in machine.Devices.Where(device => Array.Exists(_outsideDevices, prefix => device.Type.StartsWith(prefix, StringComparison.Ordinal))))
        {
            findings.Add(new Finding(
                $"Device '{device.Name}' ({device.Type}) writes the machine's memory from outside QEMU, where nobody sees it.",
                "Unplug it before the move (device_del), and plug one in at the destination; or use one that QEMU emulates."));
        }

        foreach (string line in state.NetworkBackends.Where(line => Array.Exists(_outsideBackends, type => line.Contains($"type={type}", StringComparison.Ordinal))))
        {
            findings.Add(new Finding(
                $"The network back end '{line.TrimStart('\\', ' ').Split(':')[0]}' is one that writes the machine's memory from outside QEMU, where nobody sees it.",
                "Use tap (with vhost=on if wanted) or another back end of QEMU or the kernel."));
        }
    }
}
