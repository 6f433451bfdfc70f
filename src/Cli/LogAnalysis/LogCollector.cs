namespace PageEngine.Cli.LogAnalysis;

// Owns: which migration a line belongs to: by its id, by its guest, or as the one that its log is in the middle of. What
// is kept is bounded, however long the logs are. Pure.

/// <summary>The recognised lines of one migration, from all logs.</summary>
internal sealed class MigrationTrace
{
    /// <summary>Gets or sets its id; null where no line names one.</summary>
    public ulong? Id { get; set; }

    /// <summary>Gets its lines, in the order in which they were read.</summary>
    public List<LogEvent> Events { get; } = [];

    /// <summary>Gets or sets how many lines were left out.</summary>
    public long LeftOut { get; set; }

    /// <summary>Gets or sets the guest's number at the source.</summary>
    public long? World { get; set; }

    /// <summary>Gets or sets whether a line said that it ended.</summary>
    public bool HasEnded { get; set; }
}

/// <summary>Collects recognised lines.</summary>
internal sealed class LogCollector(ulong? only = null)
{
    /// <summary>The most lines that are kept of one migration.</summary>
    public const int MaxEventsEach = 20_000;

    /// <summary>The most lines that are kept of all.</summary>
    public const int MaxEvents = 400_000;

    // Lines about locks and ports come a moment after the end; minutes later they are about something else.
    private static readonly long _tail = TimeSpan.FromSeconds(30).Ticks;

    private readonly List<MigrationTrace> _traces = [];
    private readonly Dictionary<ulong, MigrationTrace> _byId = [];
    private readonly Dictionary<int, (MigrationTrace? Trace, LogStamp Last)> _current = [];
    private int _events;

    /// <summary>Gets the migrations, in the order of their first lines.</summary>
    public IReadOnlyList<MigrationTrace> Traces => _traces;

    /// <summary>Gets how many recognised lines belong to no migration.</summary>
    public long Unattached { get; private set; }

    /// <summary>Gets how many lines were left out because there are too many.</summary>
    public long LeftOut { get; private set; }

    /// <summary>Adds a line.</summary>
    /// <param name="found">What it says.</param>
    /// <param name="log">The log that it stands in.</param>
    /// <returns>The migration that it belongs to; null: to none, or to one that nobody asked for.</returns>
    public MigrationTrace? Add(LogEvent found, int log)
    {
        (MigrationTrace? current, LogStamp last) = _current.GetValueOrDefault(log);
        found.Log = log;

        // A line without a stamp happened when the line before it did.
        found.Stamp = found.Stamp.Clock == LogClock.None ? last : found.Stamp;
        MigrationTrace? trace = found.Id is { } id ? OfId(id, current) : WithoutId(found, current, last);
        _current[log] = (trace ?? current, found.Stamp);
        if (trace is null)
        {
            Unattached++;
            return null;
        }

        if (trace.Id is { } known && only is { } wanted && known != wanted)
        {
            return null;
        }

        trace.HasEnded |= IsEnd(found.Kind);
        trace.World ??= found.Kind == LogEventKind.Opening ? found.World : null;
        if (_events >= MaxEvents || trace.Events.Count >= MaxEventsEach)
        {
            trace.LeftOut++;
            LeftOut++;
            return trace;
        }

        _events++;
        trace.Events.Add(found);
        return trace;
    }

    /// <summary>Tells whether a line says that the migration is over.</summary>
    public static bool IsEnd(LogEventKind kind) => kind is
        LogEventKind.Finished or LogEventKind.ReplicationEnd or LogEventKind.GeneralFailure or LogEventKind.BackAtSource or LogEventKind.ProcessLeft;

    private MigrationTrace? OfId(ulong id, MigrationTrace? current)
    {
        if (_byId.TryGetValue(id, out MigrationTrace? known))
        {
            return known;
        }

        // The lines just before belong to it: their log named the id only now.
        MigrationTrace? trace = current is { Id: null, HasEnded: false } ? current : New();
        if (trace is not null)
        {
            trace.Id = id;
            _byId.Add(id, trace);
        }

        return trace;
    }

    private MigrationTrace? WithoutId(LogEvent found, MigrationTrace? current, LogStamp last)
    {
        if (found.World is { } world && _traces.FindLast(t => t.World == world) is { } ofGuest)
        {
            return ofGuest;
        }

        bool isOver = current is null || (current.HasEnded && (found.Stamp.Clock != last.Clock || found.Stamp.Ticks - last.Ticks > _tail || Begins(found.Kind)));
        return !isOver ? current : Begins(found.Kind) || IsFailure(found.Kind) ? New() : null;
    }

    private MigrationTrace? New()
    {
        // One without a single line that is kept would say nothing.
        if (_events >= MaxEvents)
        {
            LeftOut++;
            return null;
        }

        MigrationTrace trace = new();
        _traces.Add(trace);
        return trace;
    }

    // Machines are stunned for snapshots, too, and hold locks all day: such lines begin no migration.
    private static bool Begins(LogEventKind kind) => kind is
        LogEventKind.Opening or LogEventKind.Prepare or LogEventKind.ReplicationStart or LogEventKind.StunBegins or LogEventKind.Stunned;

    private static bool IsFailure(LogEventKind kind) => kind is
        LogEventKind.SwitchoverTimeExceeded or LogEventKind.NetworkWaitFailed or LogEventKind.KeepAliveFailed or LogEventKind.BackAtSource
        or LogEventKind.StateFinished or LogEventKind.StateChanged or LogEventKind.RemoteLog or LogEventKind.GeneralFailure or LogEventKind.FailureText;
}
