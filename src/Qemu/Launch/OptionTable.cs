namespace PageEngine.Qemu.Launch;

// Owns: which of QEMU's options describe the machine and may be carried over, and what their values are. An option that is
// not listed is refused: a peer's command line is run here.

/// <summary>What becomes of an option.</summary>
internal enum OptionKind
{
    /// <summary>Has no value, and is kept.</summary>
    Flag,

    /// <summary>Its value is kept as it is: it can name nothing of this host.</summary>
    Value,

    /// <summary>Its value is a list of KEY=VALUE, or JSON.</summary>
    List,

    /// <summary>Its value is a path.</summary>
    Path,

    /// <summary>Its value is a character device, such as file:/var/log/serial.</summary>
    Device,

    /// <summary>Has no value, and is the destination's own affair.</summary>
    DroppedFlag,

    /// <summary>Has a value, and is the destination's own affair.</summary>
    DroppedValue,
}

/// <summary>The options that are known.</summary>
internal static class OptionTable
{
    private static readonly Dictionary<string, OptionKind> _kinds = Make();

    /// <summary>Gets what becomes of an option; null when it is not one that can be carried over.</summary>
    /// <param name="name">Without dashes.</param>
    internal static OptionKind? Find(string name) => _kinds.TryGetValue(name, out OptionKind kind) ? kind : null;

    private static Dictionary<string, OptionKind> Make()
    {
        var kinds = new Dictionary<string, OptionKind>();
        void Add(OptionKind kind, string names)
        {
            foreach (string name in names.Split(' '))
            {
                kinds.Add(name, kind);
            }
        }

        Add(OptionKind.Flag, "nodefaults no-user-config no-reboot no-shutdown enable-kvm no-hpet no-acpi no-fd-bootchk usb");
        Add(OptionKind.Value, "accel action append boot cpu display global icount k m msg name numa overcommit rtc sandbox smp uuid vga watchdog watchdog-action");
        Add(OptionKind.List, "M audiodev blockdev chardev compat device drive fsdev fw_cfg machine mon net netdev nic object set smbios tpmdev virtfs vnc");
        Add(OptionKind.Path, "D L bios cdrom dtb fda fdb hda hdb hdc hdd initrd kernel option-rom pflash sd");
        Add(OptionKind.Device, "debugcon monitor parallel serial");
        Add(OptionKind.DroppedFlag, "S daemonize");
        Add(OptionKind.DroppedValue, "incoming pidfile qmp qmp-pretty");
        return kinds;
    }
}
