using System.Globalization;
using PageEngine.Cli.Output;

namespace PageEngine.Cli.LogAnalysis;

// Owns: why a migration failed, by what the lines of both sides say. The codes of both sides are put into the words of
// this program's own causes. A message that names no cause is said to be one, and is never taken for a cause. Pure.

/// <summary>Finds causes.</summary>
internal static class FailureCauses
{
    /// <summary>The kind where no line names a cause.</summary>
    public const string Unknown = "unknown";

    private const string LimitReached = "timeout";

    private const string Lost = "connectionLost";

    // One family of status numbers, also written in decimal.
    private const long StatusFamily = 0xbad0000;

    private static readonly Dictionary<long, (string Kind, bool IsConsequence)> _statuses = new()
    {
        [0xbad0109] = (LimitReached, false),

        // Something else ended the migration, and what was under way was stopped.
        [0xbad00e0] = ("cancelled", true),
    };

    private static readonly Dictionary<long, string> _errors = new()
    {
        [104] = Lost,
        [110] = Lost,
        [111] = Lost,
        [113] = Lost,
    };

    /// <summary>Collects causes.</summary>
    /// <param name="events">The lines of a migration, in order.</param>
    /// <returns>Null when no line says that it failed.</returns>
    public static LoggedFailureDocument? Of(IReadOnlyList<LogEvent> events)
    {
        LoggedCauseDocument[] causes = [.. events.Select(Cause).OfType<LoggedCauseDocument>()];
        bool general = events.Any(e => e.Kind == LogEventKind.GeneralFailure);
        bool failed = causes.Length > 0 || general
            || events.Any(e => e.Kind == LogEventKind.BackAtSource || e is { Kind: LogEventKind.Finished, Text: "Failed" or "InDoubt" });
        if (!failed)
        {
            return null;
        }

        LoggedCauseDocument? first = causes.FirstOrDefault(c => !c.IsConsequence) ?? causes.FirstOrDefault();
        return new LoggedFailureDocument
        {
            Kind = first is null or { IsConsequence: true } ? Unknown : first.Kind,
            Message = first switch
            {
                null => "No line of these logs names the cause. Add the kernel's log and the guest's own log of both hosts.",
                { IsConsequence: true } => $"\"{first.Quote}\" follows from another failure that these logs do not show. Add the other host's logs.",
                _ => first.Quote,
            },
            GeneralMessageLogged = general,
            Causes = causes,
        };
    }

    /// <summary>Gets the kind of a status or an error number of a host; null: not known.</summary>
    public static (string Kind, bool IsConsequence)? KindOf(long number) =>
        _statuses.TryGetValue(number, out (string, bool) status) ? status
        : _errors.TryGetValue(number, out string? error) ? (error, false) : null;

    private static LoggedCauseDocument? Cause(LogEvent e) => e.Kind switch
    {
        LogEventKind.Failed => New(e, OwnKind(e.Text), e.Text),
        LogEventKind.Detected => New(e, OwnKind(e.Text), e.Text),
        LogEventKind.FailureStatus => Mapped(e, e.Text),
        LogEventKind.NetworkWaitFailed => Mapped(e, string.Create(CultureInfo.InvariantCulture, $"Failed waiting for data. Error {e.Number}. {e.Text}")),
        LogEventKind.SwitchoverTimeExceeded => New(
            e, LimitReached,
            e.LimitMilliseconds is { } limit ? string.Create(CultureInfo.InvariantCulture, $"The switchover took longer than its limit of {limit / 1000:0.###} s") : "The switchover took longer than its limit"),
        LogEventKind.PreCopyEndFailed => New(e, "cancelled", $"failed to end preCopy stream: {e.Text}", isConsequence: e.Text == "IO was aborted"),
        LogEventKind.ControlFault => New(e, "refused", e.Text, isConsequence: e.Text?.Contains("GenericVmConfigFault", StringComparison.Ordinal) ?? true),
        LogEventKind.KeepAliveFailed => New(e, Lost, "a stream's sign of life could not be read"),
        _ => null,
    };

    private static LoggedCauseDocument Mapped(LogEvent e, string? quote)
    {
        (string Kind, bool IsConsequence) known = e.Number is { } number ? KindOf(number) ?? (Unknown, false) : (Unknown, false);
        return New(e, known.Kind, quote, known.IsConsequence) with
        {
            Status = e.Number is not { } status ? null
                : status >= StatusFamily ? "0x" + status.ToString("x", CultureInfo.InvariantCulture)
                : status.ToString(CultureInfo.InvariantCulture),
        };
    }

    private static LoggedCauseDocument New(LogEvent e, string kind, string? quote, bool isConsequence = false) => new()
    {
        Side = LogWords.Side(e.Side),
        At = e.Stamp.ToString(),
        Kind = kind,
        Quote = quote ?? "(the line is cut off)",
        IsConsequence = isConsequence,
    };

    // "PreCopy, detected by Monitor: NotConverging: why"
    private static string OwnKind(string? text)
    {
        string[] parts = (text ?? "").Split(": ", 3);
        return parts.Length == 3 && Enum.TryParse(parts[1], out MigrationErrorKind kind) && parts[1].Length > 0 && char.IsAsciiLetter(parts[1][0])
            ? ReportMapping.Word(kind)
            : Unknown;
    }
}
