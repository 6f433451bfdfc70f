using PageEngine.Qemu.Machine;

namespace PageEngine.Qemu.Preflight;

// Owns: the rule which capabilities a QEMU needs so that it carries the device state alone. Pure.

internal static class DeviceStateCapabilities
{
    private static readonly string[] _needed = ["x-ignore-shared", "late-block-activate", "events"];

    /// <summary>Says what is lacking; null when nothing is.</summary>
    internal static Finding? Lacking(MachineState state)
    {
        string[] lacking = [.. _needed.Except(state.Capabilities)];
        return lacking.Length == 0
            ? null
            : new Finding($"This QEMU does not know the migration capabilities {string.Join(", ", lacking)}.", "Use QEMU 4.2 or later (tried: 7.2).");
    }
}
