using System.Globalization;

namespace PageEngine.FaultHost;

// Owns: what this process holds, as the kernel counts it. The runtime's own threads and descriptors come and go and are
// not counted.

internal static class Resources
{
    public static ResourcesDocument Count(string[] directories, long guestBytes)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        string[] links = [.. Directory.EnumerateFiles("/proc/self/fd").Select(LinkOf).OfType<string>()];
        string[] files = [.. links.Where(link => directories.Any(directory => link.StartsWith(directory, StringComparison.Ordinal)))];
        return new ResourcesDocument(
            links.Count(link => link.StartsWith("socket:", StringComparison.Ordinal)),
            files.Length,
            Directory.EnumerateDirectories("/proc/self/task").Count(IsEngines),
            Mappings(guestBytes),
            Resident(),
            files);
    }

    private static string? LinkOf(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget;
        }
        catch (IOException)
        {
            // Closed meanwhile.
            return null;
        }
    }

    private static bool IsEngines(string task)
    {
        try
        {
            return !File.ReadAllText(Path.Combine(task, "comm")).StartsWith(".NET", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            // It has ended meanwhile.
            return false;
        }
    }

    // Adjacent mappings of equal kind are one to the kernel: counted in guests, rounded down.
    private static int Mappings(long guestBytes)
    {
        long found = 0;
        foreach (string line in File.ReadLines("/proc/self/maps"))
        {
            string[] parts = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            string[] range = parts[0].Split('-');
            long bytes = long.Parse(range[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture) - long.Parse(range[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            if (parts.Length == 5 && parts[1].StartsWith("rw-", StringComparison.Ordinal) && bytes % guestBytes == 0)
            {
                found += bytes / guestBytes;
            }
        }

        return (int)found;
    }

    private static long Resident()
    {
        string line = File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', '\t').First(part => part.Length > 0 && char.IsAsciiDigit(part[0])), CultureInfo.InvariantCulture) * 1024;
    }
}
