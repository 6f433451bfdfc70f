using PageEngine.Reporting;

namespace PageEngine.Cli.Output;

// Owns: the latest progress of the migration under way. The session's threads write it and return at once; the screen
// and the log read it. It is also who knows that the guest stands still right now.

/// <summary>Keeps the latest progress.</summary>
internal sealed class MigrationWatch(TimeProvider time) : IProgress<MigrationProgress>
{
    // An outcome in doubt can last for hours: after this long the blackout is no longer worth protecting.
    private static readonly TimeSpan _longestQuiet = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private MigrationProgress? _latest;
    private long _quietSince;
    private volatile bool _quiet;

    /// <summary>Gets the latest progress; null before the first.</summary>
    public MigrationProgress? Latest
    {
        get
        {
            lock (_gate)
            {
                return _latest;
            }
        }
    }

    /// <summary>Gets whether the guest stands still, so that nobody should draw, write a file or allocate.</summary>
    public bool MustBeQuiet => _quiet && time.GetElapsedTime(Volatile.Read(ref _quietSince)) < _longestQuiet;

    /// <inheritdoc/>
    public void Report(MigrationProgress value)
    {
        bool quiet = value.Phase is MigrationPhase.Pause or MigrationPhase.Prepare or MigrationPhase.Commit or MigrationPhase.Resume;
        if (quiet && !_quiet)
        {
            Volatile.Write(ref _quietSince, time.GetTimestamp());
        }

        _quiet = quiet;
        lock (_gate)
        {
            _latest = value;
        }
    }

    /// <summary>Forgets the migration that ended.</summary>
    public void Clear()
    {
        _quiet = false;
        lock (_gate)
        {
            _latest = null;
        }
    }
}
