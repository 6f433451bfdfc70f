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
            Threads(),
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

    // A thread of the runtime bears the name of the thread that started it until it has given itself its own: what is counted is
    // what does not change any more.
    private static int Threads()
    {
        int count = -1;
        for (int same = 0, tries = 0; same < 2 && tries < 100; tries++)
        {
            int now = Directory.EnumerateDirectories("/proc/self/task").Count(IsEngines);
            same = now == count ? same + 1 : 0;
            count = now;
            Thread.Sleep(10);
        }

        return count;
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
