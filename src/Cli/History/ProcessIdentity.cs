using System.Globalization;

namespace PageEngine.Cli.History;

// Owns: telling a process from a later one with the same number.

/// <summary>Reads /proc.</summary>
internal static class ProcessIdentity
{
    /// <summary>Gets when a process started, in clock ticks since boot; null when there is no such process.</summary>
    public static long? StartTicks(int processId)
    {
        try
        {
            return ParseStartTicks(File.ReadAllText($"/proc/{processId.ToString(CultureInfo.InvariantCulture)}/stat"));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Takes the 22nd field of a stat line. The second, the name, is in brackets and may hold blanks and brackets.</summary>
    internal static long? ParseStartTicks(string stat)
    {
        const int FieldsAfterName = 20;
        int nameEnd = stat.LastIndexOf(')');
        if (nameEnd < 0)
        {
            return null;
        }

        string[] fields = stat[(nameEnd + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return fields.Length >= FieldsAfterName && long.TryParse(fields[FieldsAfterName - 1], CultureInfo.InvariantCulture, out long ticks)
            ? ticks
            : null;
    }
}
