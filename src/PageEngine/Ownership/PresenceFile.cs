namespace PageEngine.Ownership;

// Owns: the file by which one side of an attempt shows that its process lives: GUEST.presence.ATTEMPT.SIDE, locked while
// the process lives and removed when it leaves. A file that stays unlocked was left by a process that died. Where locks
// do not reach the other host a living process would look dead: whoever asks checks first that the peer, while it is
// there, looks alive. No decision about who runs rests on it.

/// <summary>One side's sign of life. Disposing it is leaving.</summary>
internal sealed class PresenceFile : IDisposable
{
    private readonly LockedFile _file;
    private int _disposed;

    private PresenceFile(LockedFile file) => _file = file;

    /// <summary>Announces this process. The name is its own: nobody else locks it but to look.</summary>
    /// <returns>Null when the place is taken, which another process of the same attempt may have done.</returns>
    public static PresenceFile? TryAnnounce(string path) =>
        LockedFile.TryOpen(path, create: true) is { } file ? new PresenceFile(file) : null;

    /// <summary>Looks whether the process that announced itself lives.</summary>
    public static AttemptPresence Look(string path)
    {
        if (!File.Exists(path))
        {
            return AttemptPresence.Unknown;
        }

        using LockedFile? file = LockedFile.TryOpen(path, create: false);
        return file is not null ? AttemptPresence.Died
            : File.Exists(path) ? AttemptPresence.Alive
            : AttemptPresence.Unknown;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _file.RemoveAndDispose();
        }
    }
}
