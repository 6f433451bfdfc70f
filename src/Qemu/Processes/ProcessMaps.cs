using System.Globalization;

namespace PageEngine.Qemu.Processes;

// Owns: what /proc/PID/maps says. Reading it stops nobody.

internal static class ProcessMaps
{
    /// <summary>Reads the mappings of a process, in address order.</summary>
    /// <exception cref="IOException">The process has ended.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not look.</exception>
    internal static List<ProcessMapping> Of(int process) =>
        [.. File.ReadLines($"/proc/{process.ToString(CultureInfo.InvariantCulture)}/maps").Select(line => Parse(line)).OfType<ProcessMapping>()];

    /// <summary>Reads one line.</summary>
    /// <returns>Null where the line is no mapping.</returns>
    internal static ProcessMapping? Parse(string line)
    {
        string[] words = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
        return words.Length >= 5
            && words[0].Split('-') is [string start, string end]
            && Hexadecimal(start) is { } first
            && Hexadecimal(end) is { } last
            && last > first
            && Hexadecimal(words[2]) is { } offset
            && ulong.TryParse(words[4], NumberStyles.None, CultureInfo.InvariantCulture, out ulong inode)
                ? new ProcessMapping(first, last, words[1], offset, words[3], inode, words.Length > 5 ? words[5] : "")
                : null;
    }

    /// <summary>Joins mappings of one file that follow each other both in memory and in the file: the kernel splits one
    /// mapping where its pieces were given different advice.</summary>
    internal static IEnumerable<ProcessMapping> Join(IEnumerable<ProcessMapping> mappings)
    {
        ProcessMapping? whole = null;
        foreach (ProcessMapping next in mappings)
        {
            if (whole is { HasFile: true } before
                && before.End == next.Start && before.Offset + before.Bytes == next.Offset
                && before.Access == next.Access && before.Device == next.Device && before.Inode == next.Inode)
            {
                whole = before with { End = next.End };
                continue;
            }

            if (whole is { } done)
            {
                yield return done;
            }

            whole = next;
        }

        if (whole is { } last)
        {
            yield return last;
        }
    }

    private static ulong? Hexadecimal(string text) =>
        ulong.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value) ? value : null;
}
