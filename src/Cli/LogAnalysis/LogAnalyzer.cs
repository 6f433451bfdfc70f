using PageEngine.Cli.Commands;

namespace PageEngine.Cli.LogAnalysis;

// Owns: reading logs as streams: one line at a time, of which only what was recognised is kept.

/// <summary>One file that is read, and read on while it grows.</summary>
internal sealed class LogSource : IDisposable
{
    private readonly LogFile _file;
    private readonly int _log;
    private Stream _stream;
    private LogLineReader _reader;
    private string? _where;
    private long _recognized;
    private long _cutOff;
    private long _linesBefore;
    private long _overlongBefore;

    /// <summary>Opens a file.</summary>
    public LogSource(LogFile file, int log)
    {
        _file = file;
        _log = log;
        _stream = file.Once ?? LogFile.Open(file.Path);
        _reader = new LogLineReader(_stream);
        _where = WhereNow(_stream);
    }

    /// <summary>Gets whether any line was recognised.</summary>
    public bool IsKnown => _recognized > 0;

    /// <summary>Reads what there is.</summary>
    /// <param name="collector">Gets what is recognised.</param>
    /// <param name="isWhole">True: nothing more will come, and a last line without its end counts.</param>
    /// <param name="added">Is told of each line that a migration got; null: nobody.</param>
    /// <param name="cancellationToken">Ends it between two lines.</param>
    /// <exception cref="UsageException">The file cannot be read on.</exception>
    public void Read(LogCollector collector, bool isWhole, Action<MigrationTrace, LogEvent>? added, CancellationToken cancellationToken)
    {
        try
        {
            while (!cancellationToken.IsCancellationRequested && _reader.TryRead(out ReadOnlySpan<char> line))
            {
                Take(line, collector, added);
            }

            if (isWhole && !cancellationToken.IsCancellationRequested && _reader.TryReadUnended(out ReadOnlySpan<char> last))
            {
                Take(last, collector, added);
            }
        }
        catch (Exception exception) when (exception is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw LogFile.CannotRead(_file.Path, exception);
        }
    }

    /// <summary>Begins again where the file was replaced by a new one, or emptied, as rotation does.</summary>
    public void Reopen(LogCollector collector, Action<MigrationTrace, LogEvent>? added, CancellationToken cancellationToken)
    {
        if (_stream is not FileStream { CanSeek: true } open || !IsReplaced(open))
        {
            return;
        }

        // What was written to the old file between the last look and its replacement.
        Read(collector, isWhole: true, added, cancellationToken);
        _linesBefore += _reader.Lines;
        _overlongBefore += _reader.OverlongLines;
        _stream.Dispose();
        _stream = LogFile.Open(_file.Path);
        _reader = new LogLineReader(_stream);
        _where = WhereNow(_stream);
    }

    /// <summary>Says what was read.</summary>
    public LogFileDocument ToDocument() => new()
    {
        Path = _file.Path,
        Log = _file.Log,
        Lines = _linesBefore + _reader.Lines,
        RecognizedLines = _recognized,
        CutOffLines = _cutOff,
        OverlongLines = _overlongBefore + _reader.OverlongLines,
    };

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();

    // The kernel says where an open file is now: elsewhere, or nowhere, after a rotation. While there is no new one, the
    // old one stays.
    private bool IsReplaced(FileStream open) => File.Exists(_file.Path) && (open.Length < open.Position || WhereNow(open) != _where);

    private static string? WhereNow(Stream stream) =>
        stream is FileStream { CanSeek: true } file ? new FileInfo($"/proc/self/fd/{file.SafeFileHandle.DangerousGetHandle()}").LinkTarget : null;

    private void Take(ReadOnlySpan<char> line, LogCollector collector, Action<MigrationTrace, LogEvent>? added)
    {
        if (LogLineParser.Parse(line) is not { } found)
        {
            return;
        }

        _recognized++;
        _cutOff += found.IsCutOff ? 1 : 0;
        if (collector.Add(found, _log) is { } trace)
        {
            added?.Invoke(trace, found);
        }
    }
}

/// <summary>Reads all logs.</summary>
internal sealed class LogAnalyzer : IDisposable
{
    private readonly LogSource[] _sources;
    private readonly LogCollector _collector;

    /// <summary>Opens the logs.</summary>
    /// <param name="paths">Their files, in any order.</param>
    /// <param name="only">The one migration to look at; null: all.</param>
    /// <exception cref="UsageException">One cannot be read.</exception>
    public LogAnalyzer(IEnumerable<string> paths, ulong? only)
    {
        Dictionary<string, int> logs = [];
        List<LogSource> sources = [];
        try
        {
            foreach (LogFile file in LogFile.Order(paths))
            {
                logs.TryAdd(file.Log, logs.Count);
                sources.Add(new LogSource(file, logs[file.Log]));
            }
        }
        catch
        {
            sources.ForEach(s => s.Dispose());
            throw;
        }

        _sources = [.. sources];
        _collector = new LogCollector(only);
    }

    /// <summary>Gets whether any line of any file was recognised.</summary>
    public bool IsKnown => _sources.Any(s => s.IsKnown);

    /// <summary>Reads all files to their ends.</summary>
    public void Read(bool isWhole, CancellationToken cancellationToken)
    {
        foreach (LogSource source in _sources)
        {
            source.Read(_collector, isWhole, null, cancellationToken);
        }
    }

    /// <summary>Reads what was added since.</summary>
    public void ReadOn(Action<MigrationTrace, LogEvent> added, CancellationToken cancellationToken)
    {
        foreach (LogSource source in _sources)
        {
            source.Read(_collector, isWhole: false, added, cancellationToken);
            source.Reopen(_collector, added, cancellationToken);
        }
    }

    /// <summary>Makes the document of all that was read.</summary>
    public LogAnalysisDocument ToDocument() => new()
    {
        Files = [.. _sources.Select(s => s.ToDocument())],
        Migrations = [.. _collector.Traces.Where(t => t.Events.Count > 0).Select(LoggedMigration.ToDocument)],
        UnattachedLines = _collector.Unattached,
        LeftOutLines = _collector.LeftOut,
    };

    /// <inheritdoc/>
    public void Dispose() => Array.ForEach(_sources, s => s.Dispose());
}
