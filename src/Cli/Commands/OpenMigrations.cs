using PageEngine.Cli.History;
using PageEngine.Recovery;

namespace PageEngine.Cli.Commands;

// Owns: the lists of this host together with what its journals know to be open.

/// <summary>Brings history and journals together.</summary>
internal static class OpenMigrations
{
    /// <summary>Finds what is open. What cannot be read is said and left out: half a list is better than none.</summary>
    public static IReadOnlyList<OpenAttempt> Find(Recoverer recoverer, Host host)
    {
        try
        {
            IReadOnlyList<OpenAttempt> found = recoverer.Find();
            foreach (OpenAttempt damaged in found.Where(a => a.Damage is not null))
            {
                host.Error.WriteLine($"warning: {damaged.Damage}");
            }

            return [.. found.Where(a => a.Damage is null)];
        }
        catch (MigrationException exception)
        {
            host.Error.WriteLine($"warning: {exception.Message}");
            return [];
        }
    }

    /// <summary>Marks the entries that are open, and adds what is open and in no list. Pure.</summary>
    public static IReadOnlyList<HistoryEntry> Merge(IReadOnlyList<HistoryEntry> entries, IReadOnlyList<OpenAttempt> open)
    {
        Dictionary<(ulong, string), OpenAttempt> left = [];
        foreach (OpenAttempt attempt in open)
        {
            left[(attempt.MigrationId, HeldGuests.RoleOf(attempt))] = attempt;
        }

        List<HistoryEntry> merged = [];
        foreach (HistoryEntry entry in entries)
        {
            merged.Add(left.Remove((entry.MigrationId, entry.Role), out OpenAttempt? attempt) ? entry with { Open = attempt } : entry);
        }

        merged.AddRange(left.Values.Select(attempt => new HistoryEntry
        {
            MigrationId = attempt.MigrationId,
            Role = HeldGuests.RoleOf(attempt),
            StartedAt = attempt.At,
            GuestId = attempt.GuestId.ToString(),
            Peer = attempt.Peer,
            Outcome = attempt.ProcessIsAlive ? HistoryEntry.Running : HistoryEntry.Interrupted,
            MemoryBytes = 0,
            Open = attempt,
        }));
        merged.Sort((a, b) => (b.StartedAt, b.MigrationId, b.Role).CompareTo((a.StartedAt, a.MigrationId, a.Role)));
        return merged;
    }
}
