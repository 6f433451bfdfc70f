using System.Collections.Concurrent;

namespace PageEngine.Ownership;

// Owns: the journals of guests that came to run in this process while their store could not be told so. Their locks are kept:
// to everybody else the process that runs the attempt lives, which is true. A process that dies gives them back.

internal static class UnmarkedGuests
{
    private static readonly ConcurrentDictionary<string, MigrationJournal> _journals = new(StringComparer.Ordinal);

    /// <summary>Keeps a journal open and locked until somebody in this process settles it.</summary>
    public static void Keep(MigrationJournal journal) => _journals[Path.GetFullPath(journal.Path)] = journal;

    /// <summary>Gets whether a journal is kept.</summary>
    public static bool Has(string path) => _journals.ContainsKey(Path.GetFullPath(path));

    /// <summary>Gives a kept journal to the one who settles it now.</summary>
    public static MigrationJournal? Take(string path) => _journals.TryRemove(Path.GetFullPath(path), out MigrationJournal? journal) ? journal : null;
}
