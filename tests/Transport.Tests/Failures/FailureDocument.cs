namespace PageEngine.Transport.Tests.Failures;

// Owns: reading the table of docs/failure-handling.md.

internal static class FailureDocument
{
    internal static IReadOnlyList<Row> Rows { get; } = [.. Read()];

    internal sealed record Row(string Phase, string Name, string DetectedBy, string Guest);

    private static IEnumerable<Row> Read()
    {
        string directory = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(directory, "PageEngine.sln")))
        {
            directory = Path.GetDirectoryName(directory) ?? throw new InvalidOperationException("The tests do not run in a checkout.");
        }

        bool inTable = false;
        foreach (string line in File.ReadLines(Path.Combine(directory, "docs", "failure-handling.md")))
        {
            if (line.StartsWith("| phase | fault |", StringComparison.Ordinal))
            {
                inTable = true;
            }
            else if (inTable && !line.StartsWith('|'))
            {
                yield break;
            }
            else if (inTable && !line.StartsWith("|---", StringComparison.Ordinal))
            {
                string[] cells = [.. line.Trim('|').Split('|').Select(cell => cell.Trim())];
                yield return new Row(cells[0], cells[1], cells[2], cells[^1]);
            }
        }
    }
}
