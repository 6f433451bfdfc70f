using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;

namespace PageEngine.Cli.Output;

// Owns: the log: one line an event, with UTC time, level, migration id and side, so that one grep for the id over both
// hosts' logs gives the whole story. Whoever logs only queues; one thread writes, and not while the guest stands still.
// A log that cannot be written never stops a migration: it is said once, at the end.

/// <summary>Writes log lines to a file, to the terminal, or to neither.</summary>
internal sealed class EventLog : ILogger, IDisposable
{
    private static readonly TimeSpan _flushInterval = TimeSpan.FromMilliseconds(200);

    private readonly TimeProvider _time;
    private readonly char _side;
    private readonly MigrationWatch _watch;
    private readonly LogLevel _minimum;
    private readonly TextWriter? _terminal;
    private readonly ConcurrentQueue<Line> _lines = new();
    private readonly ManualResetEventSlim _stop = new();
    private readonly Thread? _thread;
    private readonly AppendFile? _file;

    /// <summary>Opens a log.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="side">'S' or 'D'.</param>
    /// <param name="watch">Who knows when the guest stands still.</param>
    /// <param name="file">Receives the lines and is disposed with the log; null: no file.</param>
    /// <param name="terminal">Receives the lines too; null: not shown.</param>
    /// <param name="minimum">The least important lines to keep.</param>
    public EventLog(TimeProvider time, char side, MigrationWatch watch, AppendFile? file, TextWriter? terminal, LogLevel minimum = LogLevel.Information)
    {
        _time = time;
        _side = side;
        _watch = watch;
        _file = file;
        _terminal = terminal;
        _minimum = minimum;
        if (file is not null || terminal is not null)
        {
            _thread = new Thread(WriteUntilStopped) { IsBackground = true, Name = "log" };
            _thread.Start();
        }
    }

    /// <summary>Gets or sets the migration whose id lines get that do not name one themselves.</summary>
    public ulong? MigrationId { get; set; }

    /// <summary>Gets why lines could not be written; null while all went well.</summary>
    public string? WriteError { get; private set; }

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => _thread is not null && logLevel >= _minimum && logLevel != LogLevel.None;

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
        {
            _lines.Enqueue(new Line(_time.GetUtcNow(), logLevel, MigrationId, formatter(state, exception), exception));
        }
    }

    /// <summary>Logs a line of this program's own.</summary>
    public void Write(LogLevel logLevel, string text)
    {
        if (IsEnabled(logLevel))
        {
            _lines.Enqueue(new Line(_time.GetUtcNow(), logLevel, MigrationId, text, Exception: null));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop.Set();
        _thread?.Join();
        WriteQueued();
        _file?.Dispose();
        _stop.Dispose();
    }

    /// <summary>Makes the text of one line. Pure.</summary>
    internal static string Format(DateTimeOffset at, LogLevel level, char side, ulong? migrationId, string text, Exception? exception)
    {
        string message = exception is null || text.Contains(exception.Message, StringComparison.Ordinal) ? text : $"{text} ({exception.Message})";
        message = message.ReplaceLineEndings(" | ");
        string origin = NamesMigration(message) ? "" : $"{migrationId?.ToString(CultureInfo.InvariantCulture) ?? "-"} {side}: ";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{at.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss.fff'Z'} {Name(level)} {origin}{message}");
    }

    /// <summary>Words what a switchover came to, for whoever has only the log. Pure.</summary>
    internal static string Blackout(ulong migrationId, char side, SwitchoverDocument switchover) => string.Create(
        CultureInfo.InvariantCulture,
        $"{migrationId} {side}: Switchover: blackout {switchover.ActualMs:0.000} ms, goal {switchover.GoalMs:0.000} ms, {switchover.RemainingPages} pages sent meanwhile");

    /// <summary>Tells whether a message begins with an id and a side, as the sessions' own lines do.</summary>
    private static bool NamesMigration(string message)
    {
        int digits = 0;
        while (digits < message.Length && char.IsAsciiDigit(message[digits]))
        {
            digits++;
        }

        return digits > 0 && message.AsSpan(digits) is [' ', 'S' or 'D', ':', ..];
    }

    private static string Name(LogLevel level) => level switch
    {
        LogLevel.Trace => "trace",
        LogLevel.Debug => "debug",
        LogLevel.Warning => "warning",
        LogLevel.Error => "error",
        LogLevel.Critical => "critical",
        _ => "info",
    };

    private void WriteUntilStopped()
    {
        while (!_stop.Wait(_flushInterval))
        {
            if (!_watch.MustBeQuiet)
            {
                WriteQueued();
            }
        }
    }

    private void WriteQueued()
    {
        StringBuilder batch = new();
        while (_lines.TryDequeue(out Line line))
        {
            batch.Append(Format(line.At, line.Level, _side, line.MigrationId, line.Text, line.Exception)).Append('\n');
        }

        if (batch.Length == 0)
        {
            return;
        }

        string text = batch.ToString();
        try
        {
            _terminal?.Write(text);
            _file?.Append(text);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            WriteError ??= exception.Message;
        }
    }

    private readonly record struct Line(DateTimeOffset At, LogLevel Level, ulong? MigrationId, string Text, Exception? Exception);
}
