namespace PageEngine.Ownership;

// Owns: the file that tells a restarted process how far an attempt had come on this host. The living process holds the
// file's lock from before the first entry until it dies: whoever gets it knows that the old process is gone.
// Owner: the session's switchover thread.

/// <summary>One attempt's journal on this host's own disk. Append only.</summary>
internal sealed class MigrationJournal : IDisposable
{
    private const string Extension = ".journal";
    private const string Beginning = ".new";

    private readonly LockedFile _file;
    private readonly TimeProvider _time;
    private readonly List<JournalEntry> _entries;
    private readonly ulong _seed;
    private bool _tornTail;

    private MigrationJournal(LockedFile file, JournalState state, ulong seed, TimeProvider time)
    {
        _file = file;
        Header = state.Header;
        _entries = new List<JournalEntry>(JournalCodec.MaxEntries);
        _entries.AddRange(state.Entries);
        _tornTail = state.TornTail;
        _seed = seed;
        _time = time;
    }

    /// <summary>The directory, in the journals' own, of rehearsals.</summary>
    public const string RehearsalDirectory = "rehearsal";

    /// <summary>Gets the attempt.</summary>
    public JournalHeader Header { get; }

    /// <summary>Gets where the journal is.</summary>
    public string Path => _file.Path;

    /// <summary>Gets what the journal amounts to now.</summary>
    public JournalState State => new(Header, [.. _entries], _tornTail);

    /// <summary>Starts the journal of an attempt, durably, at its full length: an append in the blackout then writes one
    /// block and no metadata.</summary>
    /// <param name="directory">This host's journal directory; created when missing.</param>
    /// <param name="header">The attempt.</param>
    /// <param name="time">The clock for what people read.</param>
    /// <exception cref="MigrationException">The journal cannot be written, or this attempt has one.</exception>
    public static MigrationJournal Create(string directory, JournalHeader header, TimeProvider time)
    {
        string path = PathOf(directory, header);
        byte[] content = new byte[JournalCodec.FileBytes];
        ulong seed = JournalCodec.WriteHeader(header, content);
        LockedFile? file = null;
        try
        {
            Directory.CreateDirectory(directory);
            if (File.Exists(path))
            {
                throw new IOException("This attempt has a journal already.");
            }

            // Under another name until it is complete: a reader never sees half a header.
            file = OpenBeginning(path + Beginning) ?? throw new IOException("Another process is starting the same attempt.");
            file.Write(content, 0);
            file.Sync();
            file.MoveTo(path);
            return new MigrationJournal(file, new JournalState(header, [], TornTail: false), seed, time);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            file?.RemoveAndDispose();
            throw Failed(path, "cannot be started", e);
        }
    }

    /// <summary>Takes over the journal of a process that died.</summary>
    /// <returns>Null when that process lives, or the journal is gone.</returns>
    /// <exception cref="MigrationException">It cannot be read, or it is damaged.</exception>
    public static MigrationJournal? TryAdopt(string path, TimeProvider time)
    {
        LockedFile? file = null;
        try
        {
            file = LockedFile.TryOpen(path, create: false);
            if (file is null)
            {
                return null;
            }

            byte[] content = new byte[JournalCodec.FileBytes + 1];
            int length = file.Read(content);
            string? wrong = JournalCodec.TryRead(content.AsSpan(0, length), out JournalState? state, out ulong seed);
            return wrong is null ? new MigrationJournal(file, state!, seed, time) : throw Damaged(path, wrong);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            file?.Dispose();
            throw Failed(path, "cannot be read", e);
        }
        catch (MigrationException)
        {
            file?.Dispose();
            throw;
        }
    }

    /// <summary>Reads a journal without taking it over; its process may be alive and writing.</summary>
    /// <exception cref="MigrationException">It cannot be read, or it is damaged.</exception>
    public static JournalState Read(string path)
    {
        try
        {
            byte[] content = RawFile.Read(path, JournalCodec.FileBytes + 1);
            return JournalCodec.TryRead(content, out JournalState? state, out _) is { } wrong ? throw Damaged(path, wrong) : state!;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Failed(path, "cannot be read", e);
        }
    }

    /// <summary>Lists the journals of this host, in no order. Those of attempts that ended are gone.</summary>
    public static IReadOnlyList<string> List(string directory) =>
        Directory.Exists(directory) ? Directory.GetFiles(directory, "*" + Extension) : [];

    /// <summary>Removes what processes left that died before their journal had its name: nobody can have acted on it. So are
    /// the journals of rehearsals, which decide nothing, and the locks of guests, which the kernel gave back.</summary>
    /// <exception cref="IOException">The directory cannot be listed.</exception>
    /// <exception cref="UnauthorizedAccessException">As above.</exception>
    public static void RemoveLeftovers(string directory)
    {
        if (!Directory.Exists(directory))
        {
            return;
        }

        string rehearsals = System.IO.Path.Combine(directory, RehearsalDirectory);
        string[] left =
        [
            .. Directory.GetFiles(directory, "*" + Extension + Beginning),
            .. Directory.GetFiles(directory, "*" + GuestLock.Extension),
            .. Directory.Exists(rehearsals) ? Directory.GetFiles(rehearsals) : [],
        ];
        foreach (string path in left)
        {
            try
            {
                LockedFile.TryOpen(path, create: false)?.RemoveAndDispose();
            }
            catch (FileCallException)
            {
                // It means nothing, and the next one may have more luck.
            }
        }
    }

    /// <summary>Adds a fact. One that is there already is not written again.</summary>
    /// <param name="kind">The fact.</param>
    /// <param name="epoch">The epoch it is about.</param>
    /// <param name="durable">Whether it must survive the host; false where only this process may die.</param>
    /// <exception cref="MigrationException">It may or may not have been written.</exception>
    public void Append(JournalEntryKind kind, ulong epoch, bool durable = true)
    {
        ArgumentOutOfRangeException.ThrowIfEqual((int)kind, (int)JournalEntryKind.None, nameof(kind));
        try
        {
            if (!Contains(kind, epoch))
            {
                if (_entries.Count == JournalCodec.MaxEntries)
                {
                    throw new IOException("It is full.");
                }

                // Over a torn entry: nobody acted on it.
                var entry = new JournalEntry(kind, epoch, _time.GetUtcNow());
                Span<byte> bytes = stackalloc byte[JournalCodec.EntryBytes];
                JournalCodec.WriteEntry(entry, _entries.Count, _seed, bytes);
                _file.Write(bytes, JournalCodec.HeaderBytes + ((long)_entries.Count * JournalCodec.EntryBytes));
                if (durable)
                {
                    _file.Sync();
                }

                _entries.Add(entry);
                _tornTail = false;
            }
            else if (durable)
            {
                _file.Sync();
            }
        }
        catch (IOException e)
        {
            throw Failed(_file.Path, $"may not have kept the entry '{kind}'", e);
        }
    }

    /// <summary>Removes a journal whose attempt has nothing left to settle, and gives the lock back.</summary>
    public void Retire() => _file.RemoveAndDispose();

    /// <summary>Gives the lock back; the journal stays for whoever comes next.</summary>
    public void Dispose() => _file.Dispose();

    private static string PathOf(string directory, JournalHeader header)
    {
        string side = header.Side == JournalSide.Source ? "source" : "destination";
        return System.IO.Path.Combine(directory, $"{header.Attempt.GuestId:N}.{header.Attempt.Attempt}.{side}{Extension}");
    }

    // Whoever removes leftovers may have its lock for a moment; nobody else has a reason to.
    private static LockedFile? OpenBeginning(string path)
    {
        LockedFile? file = LockedFile.TryOpen(path, create: true);
        var wait = default(SpinWait);
        for (int again = 0; file is null && again < 100; again++)
        {
            wait.SpinOnce();
            file = LockedFile.TryOpen(path, create: true);
        }

        return file;
    }

    private bool Contains(JournalEntryKind kind, ulong epoch)
    {
        foreach (JournalEntry entry in _entries)
        {
            if (entry.Kind == kind && entry.Epoch == epoch)
            {
                return true;
            }
        }

        return false;
    }

    private static MigrationException Failed(string path, string what, Exception e) => new(
        MigrationErrorKind.OwnershipFailed,
        $"The journal {path} {what}. {e.Message} {(e as FileCallException)?.Remedy ?? "Name a journal directory on this host's own disk that this process may write."}",
        e);

    private static MigrationException Damaged(string path, string wrong) => new(
        MigrationErrorKind.DataDamaged,
        $"The journal {path} is damaged: {wrong}. What its migration had come to must be read from the ownership record; move the file away once that is settled.");
}
