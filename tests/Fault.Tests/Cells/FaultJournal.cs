using System.Globalization;

namespace PageEngine.Fault.Tests.Cells;

// Owns: the list of what was run, one line a cell, for whoever started a long run: the file that a variable names.

internal static class FaultJournal
{
    internal const string Variable = "PAGEENGINE_FAULT_JOURNAL";
    private static readonly Lock _lock = new();

    internal static void Add(Cell cell, string ended, TimeSpan time) => Note(string.Create(
        CultureInfo.InvariantCulture,
        $"{cell.At.Part}|{Cell.Words(cell.Fault)}|{ended}|{time.TotalSeconds:0.0}|{cell}"));

    private static void Note(string line)
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } path)
        {
            lock (_lock)
            {
                File.AppendAllText(path, line + "\n");
            }
        }
    }
}
