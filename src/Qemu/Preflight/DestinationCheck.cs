using PageEngine.Qemu.Machine;
using PageEngine.Qemu.Ram;

namespace PageEngine.Qemu.Preflight;

// Owns: what must hold of a QEMU that is to take a machine, alone and beside the machine. Pure.

/// <summary>Judges a QEMU that waits for a machine.</summary>
public static class DestinationCheck
{
    /// <summary>Finds everything for which this QEMU can take no machine at all.</summary>
    /// <param name="machine">The waiting QEMU.</param>
    /// <param name="state">How it is.</param>
    /// <param name="ram">Its memory backends.</param>
    /// <param name="freeBytes">The room that is left where a backend's file is; null where it is not known.</param>
    public static IReadOnlyList<Finding> Judge(MachineDescription machine, MachineState state, IReadOnlyList<RamBackend> ram, Func<RamBackend, long?> freeBytes)
    {
        ArgumentNullException.ThrowIfNull(machine);
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(ram);
        ArgumentNullException.ThrowIfNull(freeBytes);
        var findings = new List<Finding>();
        if (DeviceStateCapabilities.Lacking(state) is { } lacking)
        {
            findings.Add(lacking);
        }

        if (state.RunState != "inmigrate")
        {
            findings.Add(new Finding(
                $"QEMU does not wait for a machine: it is in state '{state.RunState}'.",
                "Start it with the source's arguments, its own -qmp socket and memory file, and -incoming defer -S."));
        }

        foreach (RamBackend backend in ram)
        {
            if (!backend.IsShared)
            {
                findings.Add(new Finding(
                    $"Memory backend '{backend.Name}' is private to QEMU: it cannot be filled from outside.", "Give it share=on and a file on tmpfs or hugetlbfs, as at the source."));
            }
            else if (freeBytes(backend) is { } free && free < backend.Bytes)
            {
                findings.Add(new Finding(
                    $"The file system of {backend.Path} has room for {free} more bytes, and memory backend '{backend.Name}' may need {backend.Bytes}: QEMU would be killed (SIGBUS) when it runs full.",
                    "Make room there, enlarge it (mount -o remount,size=…), or use another mem-path."));
            }
        }

        if (ram.Count == 0)
        {
            findings.Add(new Finding("QEMU has no memory backend.", "Give it the source's, with share=on and a file of its own."));
        }

        return findings;
    }

    /// <summary>Finds everything for which a QEMU cannot take this machine.</summary>
    /// <param name="source">The machine.</param>
    /// <param name="here">The waiting QEMU.</param>
    public static IReadOnlyList<Finding> Compare(MachineDescription source, MachineDescription here)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(here);
        var findings = new List<Finding>();
        if (source.MachineType != here.MachineType)
        {
            findings.Add(new Finding($"The machine type is {source.MachineType} at the source and {here.MachineType} here.", $"Start QEMU here with -machine {source.MachineType},…"));
        }

        if (Version.TryParse(source.Version, out Version? there) && Version.TryParse(here.Version, out Version? version) && version < new Version(there.Major, there.Minor))
        {
            findings.Add(new Finding($"QEMU is {here.Version} here and {source.Version} at the source: an older one may not understand the device state.", "Update QEMU here."));
        }

        if (source.UsesKvm != here.UsesKvm)
        {
            findings.Add(new Finding($"The source {(source.UsesKvm ? "uses KVM and this QEMU emulates" : "emulates and this QEMU uses KVM")}: their device states differ.", $"Start QEMU here with -accel {(source.UsesKvm ? "kvm" : "tcg")}."));
        }

        if (source.Cpus != here.Cpus)
        {
            findings.Add(new Finding($"The machine has {source.Cpus} virtual CPUs and this QEMU {here.Cpus}.", $"Start QEMU here with -smp {source.Cpus}."));
        }

        AddCpu(findings, source, here);
        AddRam(findings, source, here);
        AddDevices(findings, source, here);
        AddDisks(findings, source, here);
        return findings;
    }

    private static void AddCpu(List<Finding> findings, MachineDescription source, MachineDescription here)
    {
        string[] lacking = [.. source.CpuFeatures.Except(here.CpuFeatures)];
        if (lacking.Length > 0)
        {
            findings.Add(new Finding(
                $"The virtual CPUs here lack {string.Join(", ", lacking)}, which the guest may be using.", "Give both sides the same -cpu MODEL that both hosts can do; not max or host, unless the hosts are alike."));
        }
        else if (source.CpuModel != here.CpuModel)
        {
            findings.Add(new Finding($"The virtual CPU is a {source.CpuModel} at the source and a {here.CpuModel} here.", "Give both sides the same -cpu."));
        }
    }

    private static void AddRam(List<Finding> findings, MachineDescription source, MachineDescription here)
    {
        if (!source.Ram.SequenceEqual(here.Ram))
        {
            static string List(IReadOnlyList<RamDescription> ram) => string.Join(", ", ram.Select(r => $"{r.Name} with {r.Bytes} bytes"));
            findings.Add(new Finding(
                $"The memory backends are {List(source.Ram)} at the source and {List(here.Ram)} here.", "Give both sides backends with the same ids and sizes; only mem-path may differ."));
        }
    }

    private static void AddDevices(List<Finding> findings, MachineDescription source, MachineDescription here)
    {
        foreach (DeviceDescription device in source.Devices)
        {
            DeviceDescription? twin = here.Devices.FirstOrDefault(d => d.Name == device.Name);
            if (twin is null || twin.Type != device.Type)
            {
                findings.Add(new Finding(
                    $"Device '{device.Name}' is a {device.Type} at the source and {(twin is null ? "missing" : $"a {twin.Type}")} here.", "Give both sides the same -device arguments, in the same order and at the same addresses."));
            }
            else if (!string.Equals(twin.NetworkAddress, device.NetworkAddress, StringComparison.OrdinalIgnoreCase))
            {
                findings.Add(new Finding(
                    $"Network card '{device.Name}' has address {device.NetworkAddress} at the source and {twin.NetworkAddress} here.", $"Start QEMU here with mac={device.NetworkAddress} for it."));
            }
        }

        foreach (DeviceDescription extra in here.Devices.Where(d => source.Devices.All(s => s.Name != d.Name)))
        {
            findings.Add(new Finding($"Device '{extra.Name}' ({extra.Type}) is here and not at the source.", "Leave it out here, and plug it in after the move."));
        }
    }

    private static void AddDisks(List<Finding> findings, MachineDescription source, MachineDescription here)
    {
        foreach (DiskDescription disk in source.Disks)
        {
            DiskDescription? twin = here.Disks.FirstOrDefault(d => d.Name == disk.Name);
            if (twin is null)
            {
                findings.Add(new Finding($"Disk '{disk.Name}' ({disk.File ?? "empty"}) is missing here.", "Give both sides the same -drive or -blockdev arguments, and the same image on storage that both hosts reach."));
            }
            else if (twin.Bytes != disk.Bytes || (twin.File is null) != (disk.File is null))
            {
                findings.Add(new Finding($"Disk '{disk.Name}' has {disk.Bytes} bytes at the source ({disk.File ?? "empty"}) and {twin.Bytes} here ({twin.File ?? "empty"}): it is not the same image.", "Give both sides the same image, on storage that both hosts reach."));
            }
            else if (twin.IsReadOnly && !disk.IsReadOnly)
            {
                findings.Add(new Finding($"Disk '{disk.Name}' is writable at the source and read-only here.", "Leave out readonly=on here."));
            }
        }
    }
}
