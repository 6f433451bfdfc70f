using System.Globalization;
using Microsoft.Extensions.Logging;
using PageEngine.Cli.History;
using PageEngine.Cli.Output;

namespace PageEngine.Cli.Commands;

// Owns: what surrounds a migration in one process: its settings, log, history and the places its report goes to. Nothing
// here may fail a migration: what cannot be kept is said and left out.

/// <summary>One run of demo, send or receive.</summary>
internal sealed class CommandRun : IDisposable
{
    private readonly Host _host;
    private readonly char _side;

    /// <summary>Opens the log and the state directory.</summary>
    /// <param name="host">The surroundings.</param>
    /// <param name="settings">The options.</param>
    /// <param name="side">'S' or 'D', for the log.</param>
    /// <exception cref="UsageException">A file cannot be written.</exception>
    /// <exception cref="MigrationException">The state directory cannot be made.</exception>
    public CommandRun(Host host, MigrationSettings settings, char side)
    {
        _host = host;
        _side = side;
        Settings = settings;
        State = StateDirectory.Choose(host.Variable, host.IsRoot);
        State.Create();
        History = new MigrationHistory(State);
        Watch = new MigrationWatch(host.Time);
        RequireDirectoryOf("--json", settings.Json);
        LogLevel level = settings.Debug ? LogLevel.Debug : LogLevel.Information;
        Log = new EventLog(host.Time, side, Watch, OpenLog(settings.Log), settings.Verbose ? host.Error : null, level);

        Recoverer = new Recoverer(host.Time, State, Log, Warn);

        // Reports make room for the JSON: with --json - stdout is for programs alone.
        Reports = settings.JsonOwnsStdout
            ? host with { Out = host.Error, OutIsTerminal = host.ErrorIsTerminal }
            : host;
    }

    /// <summary>Gets the options.</summary>
    public MigrationSettings Settings { get; }

    /// <summary>Gets the surroundings, with stdout where reports go.</summary>
    public Host Reports { get; }

    /// <summary>Gets the clock.</summary>
    public TimeProvider Time => _host.Time;

    /// <summary>Gets where state is kept.</summary>
    public StateDirectory State { get; }

    /// <summary>Gets the lists of this host.</summary>
    public MigrationHistory History { get; }

    /// <summary>Gets the latest progress.</summary>
    public MigrationWatch Watch { get; }

    /// <summary>Gets the log.</summary>
    public EventLog Log { get; }

    /// <summary>Gets who settles what was left behind.</summary>
    public Recoverer Recoverer { get; }

    /// <summary>Starts drawing progress where there is a terminal that the log does not use.</summary>
    /// <param name="goal">The goal to show; null at the destination.</param>
    public LiveProgress ShowProgress(TimeSpan? goal) => new(_host, Watch, goal, enabled: !Settings.Verbose);

    /// <summary>Tells a person who watches what happens now.</summary>
    public void Step(string text)
    {
        if (_host.ErrorIsTerminal && !Settings.Verbose)
        {
            _host.Error.WriteLine(text);
        }

        Log.Write(LogLevel.Information, text);
    }

    /// <summary>Says something that everybody should know.</summary>
    public void Warn(string text)
    {
        if (!Settings.Verbose)
        {
            _host.Error.WriteLine($"note: {text}");
        }

        Log.Write(LogLevel.Warning, text);
    }

    /// <summary>Says something about a migration that everybody should know.</summary>
    public void Tell(ulong migrationId, string text)
    {
        string id = migrationId.ToString(CultureInfo.InvariantCulture);
        if (!Settings.Verbose)
        {
            _host.Error.WriteLine($"migration {id}: {text}");
        }

        Log.Write(LogLevel.Warning, $"{id} {_side}: {text}");
    }

    /// <summary>Notes a migration in the list of active ones.</summary>
    public void Begin(ulong migrationId, string role, Guid guestId, long memoryBytes, string peer) => Keep(
        "list of active migrations",
        () => History.Begin(migrationId, role, guestId.ToString(), memoryBytes, peer, _host.Time.GetUtcNow()));

    /// <summary>Puts a report everywhere it goes: history, JSON, terminal.</summary>
    /// <param name="document">The report.</param>
    /// <param name="isLast">False: a later report of the same migration replaces it; stdout gets that one only.</param>
    public void Publish(ReportDocument document, bool isLast = true)
    {
        // A peer that never said which migration it wanted has none to be listed.
        if (document.MigrationId != 0)
        {
            Keep("history", () => History.End(document));
        }

        if (isLast && document.Switchover is { } switchover)
        {
            Log.Write(LogLevel.Information, EventLog.Blackout(document.MigrationId, _side, switchover));
        }

        if (isLast || !Settings.JsonOwnsStdout)
        {
            WriteJson(document);
        }

        Show(document);
    }

    /// <summary>Writes a report where --json says.</summary>
    public void WriteJson(ReportDocument document)
    {
        if (Settings.Json is { } json)
        {
            Keep(json, () => JsonOutput.Write(_host, json, document, JsonContext.Documents.ReportDocument));
        }
    }

    /// <summary>Shows a report to a person.</summary>
    public void Show(ReportDocument document)
    {
        TerminalReport.Write(Terminal.ForResults(Reports), document);
        Reports.Out.Flush();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Log.Dispose();
        if (Log.WriteError is { } error)
        {
            _host.Error.WriteLine($"warning: log lines are missing: {error}");
        }
    }

    private static AppendFile? OpenLog(string? path)
    {
        try
        {
            return path is null ? null : new AppendFile(path);
        }
        catch (IOException exception)
        {
            throw new UsageException($"--log: {exception.Message}");
        }
    }

    private static void RequireDirectoryOf(string option, string? path)
    {
        if (path is not (null or JsonOutput.ToStdout)
            && (Path.GetDirectoryName(Path.GetFullPath(path)) is not { } directory || !Directory.Exists(directory) || Directory.Exists(path)))
        {
            throw new UsageException($"{option}: '{path}' cannot be written: it is a directory, or its directory is not there. Give for example {option} report.json.");
        }
    }

    private void Keep(string what, Action write)
    {
        try
        {
            write();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            _host.Error.WriteLine($"warning: the report could not be written to {what}: {exception.Message}");
        }
    }
}
