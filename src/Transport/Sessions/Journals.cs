using PageEngine.Ownership;

namespace PageEngine.Transport.Sessions;

// Owns: how a session begins and ends a journal.

internal static class Journals
{
    /// <summary>Begins a journal where one is kept.</summary>
    internal static MigrationJournal? Begin(string? directory, JournalHeader header, TimeProvider time) =>
        directory is null ? null : MigrationJournal.Create(directory, header, time);

    /// <summary>Begins the journal of a rehearsal: the same code on the same disk, where nobody looks for attempts.</summary>
    internal static MigrationJournal? BeginRehearsal(string? directory, JournalHeader header, TimeProvider time) =>
        Begin(directory is null ? null : Path.Combine(directory, "rehearsal"), header, time);

    /// <summary>Ends the journal of a rehearsal, whatever is in it.</summary>
    internal static void EndRehearsal(MigrationJournal? journal)
    {
        journal?.Retire();
        journal?.Dispose();
    }

    /// <summary>Notes that nothing is left to settle. Best effort: without the note a restart looks at the record again.</summary>
    internal static void Settle(MigrationJournal? journal, ulong epoch)
    {
        try
        {
            journal?.Append(JournalEntryKind.Settled, epoch, durable: false);
        }
        catch (MigrationException)
        {
            // A restart finds the attempt open, reads the record, and finds it settled.
        }
    }

    /// <summary>Ends the session's use of a journal: it goes when nothing is left to settle, and stays otherwise; locked,
    /// where the guest runs in this process.</summary>
    internal static void End(MigrationJournal? journal, bool runsHere = false)
    {
        // Before anything was noted, nobody can have been prepared for the attempt.
        if (journal is { State: { IsSettled: true } or { Entries.Count: 0 } })
        {
            journal.Retire();
        }
        else if (journal is not null && runsHere)
        {
            UnmarkedGuests.Keep(journal);
            return;
        }

        journal?.Dispose();
    }
}
