using System.Globalization;
using System.IO.Hashing;
using System.Text;

namespace PageEngine.Ownership;

// Owns: what one side remembers of an attempt on its own disk, so that a process that starts after a crash knows what
// may have happened. One text line an entry, each with its checksum, flushed to the disk before the step it announces.
// A torn last line was never relied on and is ignored; a torn line before others is damage.

/// <summary>What an entry says. The words stand in the file and are never changed.</summary>
internal enum JournalEntryKind
{
    None = 0,

    /// <summary>Source: from now on the destination may become prepared for this attempt.</summary>
    AttemptMayBePrepared,

    /// <summary>Source: the guest moved away.</summary>
    MovedAway,

    /// <summary>The guest runs here.</summary>
    RunsHere,

    /// <summary>The guest is held here.</summary>
    Held,

    /// <summary>Destination: restored and complete; the source may commit.</summary>
    Prepared,

    /// <summary>Destination: this copy never ran and is gone.</summary>
    Discarded,
}

/// <summary>One entry.</summary>
internal readonly record struct JournalEntry(JournalEntryKind Kind, AttemptId Attempt, ulong Epoch);

/// <summary>A journal that one process writes. While it is open the file is locked: another process that can open it
/// knows that the writer is gone.</summary>
internal sealed class MigrationJournal : IDisposable
{
    private const string Version = "1";
    private readonly FileStream _file;

    private MigrationJournal(FileStream file) => _file = file;

    /// <summary>Gets the file.</summary>
    internal string Path => _file.Name;

    /// <summary>Opens the journal of a guest on one side, and locks it.</summary>
    /// <param name="directory">The directory of this host's journals; created where it is missing.</param>
    /// <param name="guestId">The guest.</param>
    /// <param name="side">"source" or "destination".</param>
    /// <exception cref="MigrationException">Another process has it: the guest is being migrated already.</exception>
    internal static MigrationJournal Open(string directory, Guid guestId, string side)
    {
        string path = System.IO.Path.Combine(directory, $"{guestId:N}.{side}.journal");
        try
        {
            Directory.CreateDirectory(directory);
            var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1);
            file.Seek(0, SeekOrigin.End);
            return new MigrationJournal(file);
        }
        catch (IOException e) when (File.Exists(path) && e is not FileNotFoundException)
        {
            throw new MigrationException(
                MigrationErrorKind.AlreadyMigrating,
                $"Another migration of guest {guestId} is under way on this host ({path} is locked). Wait for it to end.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MigrationException(
                MigrationErrorKind.OwnershipFailed, $"The journal {path} cannot be opened: {e.Message} Give a directory on a local disk that this user can write.", e);
        }
    }

    /// <summary>Adds an entry; on return it is on the disk.</summary>
    /// <exception cref="MigrationException">It is not known to be on the disk.</exception>
    internal void Append(JournalEntryKind kind, AttemptId attempt, ulong epoch)
    {
        string text = string.Create(CultureInfo.InvariantCulture, $"{Version} {kind} {attempt} {epoch}");
        string line = string.Create(CultureInfo.InvariantCulture, $"{text} {XxHash3.HashToUInt64(Encoding.ASCII.GetBytes(text)):x16}\n");
        try
        {
            _file.Write(Encoding.ASCII.GetBytes(line));
            _file.Flush(flushToDisk: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MigrationException(
                MigrationErrorKind.OwnershipFailed, $"The journal {_file.Name} cannot be written: {e.Message} Free space or give another directory.", e);
        }
    }

    /// <summary>Reads the entries of this journal, oldest first.</summary>
    /// <exception cref="MigrationException">An entry that others follow is damaged.</exception>
    internal IReadOnlyList<JournalEntry> Read()
    {
        _file.Seek(0, SeekOrigin.Begin);
        using var reader = new StreamReader(_file, Encoding.ASCII, leaveOpen: true);
        string[] lines = reader.ReadToEnd().Split('\n');
        _file.Seek(0, SeekOrigin.End);
        var entries = new List<JournalEntry>();

        // Text after the last line break is an entry that was cut off while it was written.
        for (int i = 0; i < lines.Length - 1; i++)
        {
            entries.Add(Parse(lines[i]) ?? throw new MigrationException(
                MigrationErrorKind.DataDamaged, $"Line {i + 1} of the journal {_file.Name} is damaged. Look at the ownership record before anything is started; then remove the journal."));
        }

        return entries;
    }

    /// <summary>Closes and removes the journal: its attempt has ended and nothing is in doubt.</summary>
    internal void Remove()
    {
        File.Delete(_file.Name);
        _file.Dispose();
    }

    public void Dispose() => _file.Dispose();

    private static JournalEntry? Parse(string line)
    {
        int cut = line.LastIndexOf(' ');
        if (cut < 0 || !ulong.TryParse(line.AsSpan(cut + 1), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong checksum)
            || checksum != XxHash3.HashToUInt64(Encoding.ASCII.GetBytes(line[..cut])))
        {
            return null;
        }

        string[] parts = line[..cut].Split(' ');
        return parts is [Version, _, _, _]
            && Enum.TryParse(parts[1], out JournalEntryKind kind)
            && Guid.TryParseExact(parts[2], "N", out Guid attempt)
            && ulong.TryParse(parts[3], NumberStyles.None, CultureInfo.InvariantCulture, out ulong epoch)
            ? new JournalEntry(kind, new AttemptId(attempt), epoch)
            : null;
    }
}
