using PageEngine.Cli.Output;
using PageEngine.Reporting;

namespace PageEngine.Cli.LogAnalysis;

// Owns: what the lines of one migration come to: rounds, switchover, end, timeline, and what is missing. Pure.

/// <summary>Makes the document of one migration.</summary>
internal sealed class LoggedMigration
{
    private const double BytesPerMegabyte = 1 << 20;

    private readonly MigrationTrace _trace;
    private readonly LogEvent[] _source;
    private readonly LogEvent[] _destination;
    private readonly ClockOffset? _offset;

    private LoggedMigration(MigrationTrace trace)
    {
        _trace = trace;
        Dictionary<int, char> sides = SidesOfLogs(trace.Events);
        foreach (LogEvent e in trace.Events.Where(e => e.Side == '\0'))
        {
            e.Side = sides.GetValueOrDefault(e.Log);
        }

        // In the order of each host's clock: a log that several processes write is not in order.
        _source = [.. trace.Events.Where(e => e.Side != 'D').OrderBy(e => e.Stamp.Ticks)];
        _destination = [.. trace.Events.Where(e => e.Side == 'D').OrderBy(e => e.Stamp.Ticks)];
        _offset = ClockOffset.Of(_source, _destination);
    }

    /// <summary>Makes the document.</summary>
    public static LoggedMigrationDocument ToDocument(MigrationTrace trace) => new LoggedMigration(trace).ToDocument();

    private LoggedMigrationDocument ToDocument()
    {
        LogEvent? opening = First(LogEventKind.Opening) ?? FirstOf(_trace.Events, LogEventKind.Opening);
        LogEvent begin = opening ?? (_source.Length > 0 ? _source[0] : _destination[0]);
        LogEvent? guest = FirstOf(_trace.Events, LogEventKind.Guest);
        // What one side noticed when the other one left is no failure of a migration that was completed.
        LoggedFailureDocument? failure = Said() == nameof(MigrationOutcome.Completed) ? null : FailureCauses.Of([.. InOrder().Select(e => e.Event)]);
        return new LoggedMigrationDocument
        {
            MigrationId = _trace.Id,
            Guest = guest?.Text ?? FirstOf(_trace.Events, LogEventKind.MigrationInfo)?.Text,
            SourceWorld = Value(e => e.World),
            DestinationWorld = Value(e => e.DestinationWorld is 0 ? null : e.DestinationWorld),
            SourceAddress = _trace.Events.Select(e => e.Source).FirstOrDefault(a => a is not null),
            DestinationAddress = _trace.Events.Select(e => e.Destination).FirstOrDefault(a => a is not null),
            StartedAt = begin.Stamp.Clock == LogClock.None ? null : begin.Stamp.ToString(),
            Clock = ReportMapping.Word(begin.Stamp.Clock),
            ClockOffset = _offset is { } offset ? new ClockOffsetDocument
            {
                DestinationAheadMs = Ms(offset.Estimate),
                UncertaintyMs = Ms(offset.Uncertainty),
                Events = offset.Events,
                Applied = offset.IsCertain,
            }
            : null,
            Streams = Streams(),
            MemoryBytes = guest?.Bytes,
            Rounds = LoggedRounds.Of(_source),
            PreCopy = PreCopy(opening),
            Switchover = Switchover(),
            Outcome = Outcome(failure),
            Failure = failure,
            Warnings = [.. Warnings()],
            Missing = [.. Missing(opening, failure)],
            Timeline = [.. Timeline(begin)],
        };
    }

    private LoggedPreCopyDocument? PreCopy(LogEvent? opening)
    {
        if (Stop() is not { } stop)
        {
            return null;
        }

        bool forced = stop.Kind == LogEventKind.PreCopyForced;
        bool rule = !forced && stop is { LimitMilliseconds: null, MegabytesPerSecond: null, IsCutOff: false };
        return new LoggedPreCopyDocument
        {
            DurationMs = LoggedRounds.Milliseconds(opening, stop),
            StoppedBecause = forced ? "forced" : rule ? "fewModified" : "goal",
            RemainingPages = stop.Pages,
            GoalMs = stop.LimitMilliseconds,
            BandwidthBytesPerSecond = stop.MegabytesPerSecond * BytesPerMegabyte,
            T2dPercent = stop.T2dPercent,
            LastRoundPages = stop.T2dPercent is { } ratio && stop.Pages is { } left ? (long)Math.Round(ratio / 100 * Math.Max(1, left)) : null,
        };
    }

    private LoggedSwitchoverDocument Switchover()
    {
        LogEvent? sent = First(LogEventKind.AllPagesSent);
        return new LoggedSwitchoverDocument
        {
            BlackoutMs = _source.LastOrDefault(e => e.Kind == LogEventKind.Blackout)?.Milliseconds,
            SourceStunMs = First(LogEventKind.Unstunned)?.Milliseconds,
            DestinationStunMs = FirstOf(_destination, LogEventKind.Unstunned)?.Milliseconds,
            StopToSentMs = LoggedRounds.Milliseconds(Stop(), sent),
            SentToEndMs = LoggedRounds.Milliseconds(sent, First(LogEventKind.ReplicationEnd) ?? First(LogEventKind.Finished)),
            DestinationWaitedMs = _source.FirstOrDefault(e => e is { Kind: LogEventKind.RemoteLog, Milliseconds: not null })?.Milliseconds,
            LimitMs = _trace.Events.FirstOrDefault(e => e.Kind is LogEventKind.SwitchoverTimeExceeded or LogEventKind.StunBegins)?.LimitMilliseconds,
            BandwidthBytesPerSecond = sent?.MegabytesPerSecond * BytesPerMegabyte,
        };
    }

    // The source's own word, else the destination's; a host that only finished, without a failure anywhere, completed.
    private string Outcome(LoggedFailureDocument? failure)
    {
        if (Said() is { } own)
        {
            return char.ToLowerInvariant(own[0]) + own[1..];
        }

        return failure is not null ? "failed"
            : _trace.Events.Any(e => e.Kind is LogEventKind.ReplicationEnd or LogEventKind.StateFinished) ? "completed"
            : "unknown";
    }

    private string? Said() => (First(LogEventKind.Finished) ?? FirstOf(_destination, LogEventKind.Finished))?.Text;

    private int Streams()
    {
        long announced = FirstOf(_source, LogEventKind.StreamAdded) is null ? FirstOf(_trace.Events, LogEventKind.Guest)?.Number ?? 0 : 0;
        IEnumerable<LogEvent> side = _source.Any(e => e.Kind == LogEventKind.StreamAdded) ? _source : _destination;
        return Math.Max((int)Math.Clamp(announced, 0, 1 << 16), side.Where(e => e is { Kind: LogEventKind.StreamAdded, Number: not null }).Select(e => e.Number).Distinct().Count());
    }

    private IEnumerable<string> Warnings()
    {
        foreach (LogEvent e in _trace.Events.Where(e => e is { Kind: LogEventKind.BufferSize, Bytes: < 0 }))
        {
            yield return $"A receive buffer of {e.Bytes} bytes was logged: no size is negative, the number overflowed or was never set.";
        }

        if (_trace.Events.Count(e => e.IsCutOff) is > 0 and int cut)
        {
            yield return $"{Human.Count(cut)} of its lines are cut off; what they lack is shown as unknown.";
        }

        if (_trace.LeftOut > 0)
        {
            yield return $"{Human.Count(_trace.LeftOut)} of its lines were left out: too many.";
        }

        if (_offset is { IsCertain: true } offset)
        {
            yield return $"The hosts' clocks differ by about {LogWords.Duration(Ms(Math.Abs(offset.Estimate)))}: the destination's is {(offset.Estimate > 0 ? "ahead" : "behind")}.";
        }

        if (_source.Select(e => e.Stamp.Clock).Where(c => c != LogClock.None).Distinct().Count() > 1)
        {
            yield return "The source's logs count time in several ways; times between them are not computed.";
        }
    }

    private IEnumerable<string> Missing(LogEvent? opening, LoggedFailureDocument? failure)
    {
        bool source = _source.Any(e => e.Side == 'S');
        if (!source || _destination.Length == 0)
        {
            yield return $"the {(source ? "destination" : "source")}'s log";
        }

        if (opening is null)
        {
            yield return "the opening line";
        }

        if (!_source.Any(e => e.Kind is LogEventKind.AnotherRound or LogEventKind.RoundDone))
        {
            yield return "lines about rounds (newer hosts write none)";
        }
        else if (_source.First(e => e.Kind is LogEventKind.AnotherRound or LogEventKind.RoundDone) is { Kind: LogEventKind.AnotherRound, LastPages: >= 0 } or { Kind: LogEventKind.RoundDone, Number: > 0 })
        {
            yield return "lines about the first rounds";
        }

        if (Stop() is null && failure is null)
        {
            yield return "the end of pre-copy";
        }

        if (Outcome(failure) == "unknown")
        {
            yield return "the end";
        }

        if (failure is null && !_trace.Events.Any(e => e.Kind is LogEventKind.Blackout or LogEventKind.Unstunned))
        {
            yield return "how long the guest stood still (this program's log and the guest's own log at the destination say it)";
        }

        if (_offset is null && source && _destination.Length > 0)
        {
            yield return "an event that both hosts logged: their clocks cannot be compared";
        }
    }

    private IEnumerable<TimelineDocument> Timeline(LogEvent begin)
    {
        foreach ((LogEvent e, long ticks) in InOrder())
        {
            yield return new TimelineDocument
            {
                At = e.Stamp.ToString(),
                SinceStartMs = e.Stamp.Clock == begin.Stamp.Clock && e.Stamp.Clock != LogClock.None ? Ms(ticks - Shifted(begin)) : null,
                Side = LogWords.Side(e.Side),
                Kind = ReportMapping.Word(e.Kind),
                What = LogWords.Of(e),
            };
        }
    }

    private IEnumerable<(LogEvent Event, long Ticks)> InOrder() =>
        _source.Concat(_destination).Select(e => (e, Shifted(e))).OrderBy(e => e.Item2);

    private long Shifted(LogEvent e) => e.Side == 'D' && _offset is { IsCertain: true } offset ? e.Stamp.Ticks - offset.Estimate : e.Stamp.Ticks;

    private LogEvent? Stop() => _source.FirstOrDefault(e => e.Kind is LogEventKind.PreCopyStopped or LogEventKind.PreCopyForced);

    private LogEvent? First(LogEventKind kind) => FirstOf(_source, kind);

    private static LogEvent? FirstOf(IEnumerable<LogEvent> events, LogEventKind kind) => events.FirstOrDefault(e => e.Kind == kind);

    // The guest's number stands in the opening line of the source; other lines name other processes, too.
    private long? Value(Func<LogEvent, long?> value) =>
        _source.Concat(_destination).Where(e => e.Kind == LogEventKind.Opening).Select(value).FirstOrDefault(v => v is not null)
        ?? _source.Select(value).FirstOrDefault(v => v is not null);

    private static double Ms(long ticks) => ticks / (double)TimeSpan.TicksPerMillisecond;

    // A log belongs to one host: the side of most of its lines that tell.
    private static Dictionary<int, char> SidesOfLogs(IEnumerable<LogEvent> events)
    {
        Dictionary<int, char> sides = [];
        foreach (IGrouping<int, LogEvent> log in events.GroupBy(e => e.Log))
        {
            // Only a source knows of rounds and of their end.
            int source = log.Count(e => e.Side == 'S' || (e.Side == '\0' && e.Kind is LogEventKind.AnotherRound or LogEventKind.PreCopyStopped or LogEventKind.AllPagesSent));
            int destination = log.Count(e => e.Side == 'D');
            sides[log.Key] = source == 0 && destination == 0 ? '\0' : destination > source ? 'D' : 'S';
        }

        return sides;
    }
}
