using System.Globalization;
using System.Text.Json;
using PageEngine.Cli.Output;

namespace PageEngine.Cli.History;

// Owns: the lists of this host: one file a migration and side, written as a whole at its end, and a marker while it runs.
// Several processes use the directory at once; no two write the same file.

/// <summary>Keeps and finds the migrations of this host.</summary>
internal sealed class MigrationHistory(StateDirectory directory)
{
    /// <summary>The most reports that are kept; the oldest go first.</summary>
    internal const int MaxReports = 2000;

    /// <summary>Notes that a migration runs in this process.</summary>
    public void Begin(ulong migrationId, string role, string guestId, long memoryBytes, string peer, DateTimeOffset startedAt)
    {
        int process = Environment.ProcessId;
        ActiveMarker marker = new()
        {
            MigrationId = migrationId,
            Role = role,
            GuestId = guestId,
            MemoryBytes = memoryBytes,
            Peer = peer,
            StartedAt = startedAt,
            ProcessId = process,
            ProcessStartTicks = ProcessIdentity.StartTicks(process) ?? 0,
        };
        Begin(marker);
    }

    /// <summary>Writes a marker.</summary>
    internal void Begin(ActiveMarker marker) => JsonOutput.WriteFile(
        FileOf(directory.Active, marker.MigrationId, marker.Role),
        JsonSerializer.Serialize(marker, JsonContext.Documents.ActiveMarker));

    /// <summary>Notes that a migration ended, with its report.</summary>
    public void End(ReportDocument report)
    {
        JsonOutput.WriteFile(
            FileOf(directory.History, report.MigrationId, report.Role),
            JsonSerializer.Serialize(report, JsonContext.Documents.ReportDocument));
        File.Delete(FileOf(directory.Active, report.MigrationId, report.Role));
        RemoveOldest();
    }

    /// <summary>Lists everything, newest first. Files that cannot be read are skipped: half a list is better than none.</summary>
    public IReadOnlyList<HistoryEntry> List()
    {
        List<HistoryEntry> entries = [];
        foreach (string path in Files(directory.History))
        {
            if (Read(path, JsonContext.Documents.ReportDocument) is { } report)
            {
                entries.Add(HistoryEntry.Ended(report));
            }
        }

        HashSet<(ulong, string)> ended = [.. entries.Select(e => (e.MigrationId, e.Role))];
        foreach (string path in Files(directory.Active))
        {
            if (Read(path, JsonContext.Documents.ActiveMarker) is { } marker && !ended.Contains((marker.MigrationId, marker.Role)))
            {
                entries.Add(HistoryEntry.Begun(marker, IsAlive(marker)));
            }
        }

        entries.Sort((a, b) => (b.StartedAt, b.MigrationId, b.Role).CompareTo((a.StartedAt, a.MigrationId, a.Role)));
        return entries;
    }

    /// <summary>Finds what is known about one migration: at most one entry for each side.</summary>
    public IReadOnlyList<HistoryEntry> Find(ulong migrationId) => [.. List().Where(e => e.MigrationId == migrationId)];

    /// <summary>Finds the report of one side; null when it has none.</summary>
    public ReportDocument? FindReport(ulong migrationId, string role) =>
        Read(FileOf(directory.History, migrationId, role), JsonContext.Documents.ReportDocument);

    /// <summary>Finds what one side noted when it began; null when it has ended.</summary>
    public ActiveMarker? FindMarker(ulong migrationId, string role) =>
        Read(FileOf(directory.Active, migrationId, role), JsonContext.Documents.ActiveMarker);

    /// <summary>Tells whether the process that wrote a marker lives.</summary>
    public static bool IsAlive(ActiveMarker marker) => ProcessIdentity.StartTicks(marker.ProcessId) == marker.ProcessStartTicks;

    private static string FileOf(string folder, ulong migrationId, string role) =>
        Path.Combine(folder, $"{migrationId.ToString(CultureInfo.InvariantCulture)}-{role}.json");

    private static string[] Files(string folder) => Directory.Exists(folder) ? Directory.GetFiles(folder, "*.json") : [];

    private static T? Read<T>(string path, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(path), type);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    private void RemoveOldest()
    {
        string[] files = Files(directory.History);
        if (files.Length <= MaxReports)
        {
            return;
        }

        foreach (string path in files.OrderBy(File.GetLastWriteTimeUtc).Take(files.Length - MaxReports))
        {
            File.Delete(path);
        }
    }
}
