using System.Globalization;

namespace PageEngine.Tests.Memory;

// Owns: what the kernel says about this process's mappings (/proc/self/smaps).

internal static class ProcessMaps
{
    /// <summary>Gets whether an address is mapped.</summary>
    internal static bool IsMapped(nuint address) => File.ReadLines("/proc/self/maps").Any(line => Contains(line, address));

    /// <summary>Gets the VmFlags of the mapping that holds an address.</summary>
    internal static string[] FlagsAt(nuint address) =>
        File.ReadLines("/proc/self/smaps")
            .SkipWhile(line => !Contains(line, address))
            .First(line => line.StartsWith("VmFlags:", StringComparison.Ordinal))["VmFlags:".Length..]
            .Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static bool Contains(string line, nuint address)
    {
        string[] bounds = line.Split(' ')[0].Split('-');
        return bounds.Length == 2
            && ulong.TryParse(bounds[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong start)
            && ulong.TryParse(bounds[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong end)
            && address >= start && address < end;
    }
}
