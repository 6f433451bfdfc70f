using System.Globalization;

namespace PageEngine.Transport.Measuring;

// Owns: how busy this machine's processors were, whoever used them (/proc/stat).

/// <summary>Times since the machine started, in units that do not matter.</summary>
internal readonly record struct MachineTime(long Idle, long All)
{
    private const int IdleField = 3;
    private const int WaitingForDisksField = 4;
    private const int GuestField = 8;

    /// <summary>Reads the times; zeros where they are not to be had.</summary>
    internal static MachineTime Now()
    {
        try
        {
            using StreamReader reader = new("/proc/stat");
            return Parse(reader.ReadLine() ?? "");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return default;
        }
    }

    /// <summary>Reads the first line of /proc/stat.</summary>
    internal static MachineTime Parse(string line)
    {
        string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length <= WaitingForDisksField + 1 || words[0] != "cpu")
        {
            return default;
        }

        long idle = 0;
        long all = 0;

        // Guests' time is part of the user's, which was counted before.
        for (int i = 1; i < words.Length && i <= GuestField; i++)
        {
            long value = long.TryParse(words[i], NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : 0;
            all += value;
            idle += i - 1 is IdleField or WaitingForDisksField ? value : 0;
        }

        return new MachineTime(idle, all);
    }

    /// <summary>Gets which share of the processors was idle since; 1 where it is not known.</summary>
    internal double IdleSince(MachineTime before) => All > before.All ? (double)(Idle - before.Idle) / (All - before.All) : 1;
}
