namespace PageEngine.Cli.LogAnalysis;

// Owns: the values of the messages that hosts write: the kernel's log, the guest's own and the control plane's. Pure.

/// <summary>Readers of hosts' messages.</summary>
internal static class ForeignMessages
{
    private const string MappedPrefix = "::ffff:";

    public static bool Nothing(ref LineCursor cursor, LogEvent found) => true;

    public static bool OfSource(ref LineCursor cursor, LogEvent found)
    {
        found.Side = 'S';
        return true;
    }

    public static bool Quote(ref LineCursor cursor, LogEvent found)
    {
        found.Text = cursor.Rest();
        return true;
    }

    public static bool Opening(ref LineCursor cursor, LogEvent found)
    {
        ulong? id = cursor.Unsigned();
        found.Id = found.Side == '\0' ? id : found.Id;
        _ = cursor.Skip(", src ip = <");
        found.Source = Address(cursor.Until(">"));
        _ = cursor.SkipTo("dest ip = <");
        found.Destination = Address(cursor.Until(">"));
        return DestinationWorld(ref cursor, found);
    }

    public static bool OpeningOfSource(ref LineCursor cursor, LogEvent found) => OpeningOf('S', ref cursor, found);

    public static bool OpeningOfDestination(ref LineCursor cursor, LogEvent found) => OpeningOf('D', ref cursor, found);

    public static bool Affinity(ref LineCursor cursor, LogEvent found)
    {
        string? address = cursor.Until(" to world ");
        found.Text = address;
        found.Number = cursor.Integer();
        return address is not null;
    }

    public static bool SendingWorld(ref LineCursor cursor, LogEvent found)
    {
        found.Number = cursor.Integer(mayEnd: true);
        return true;
    }

    public static bool Replication(ref LineCursor cursor, LogEvent found)
    {
        found.World = cursor.Integer();
        _ = cursor.SkipTo("(migrateType=");
        found.Number = cursor.Integer();
        _ = cursor.SkipTo("(isSource=");
        found.Side = cursor.Integer() switch { 1 => 'S', 0 => 'D', _ => '\0' };
        return true;
    }

    public static bool StreamWorker(ref LineCursor cursor, LogEvent found)
    {
        found.Number = (long?)cursor.Unsigned();
        return true;
    }

    public static bool Bound(ref LineCursor cursor, LogEvent found)
    {
        found.Text = cursor.Until("'");
        return true;
    }

    public static bool Accepted(ref LineCursor cursor, LogEvent found)
    {
        found.Text = Address(cursor.Until(">"));
        return true;
    }

    public static bool BufferSize(ref LineCursor cursor, LogEvent found)
    {
        found.Bytes = cursor.Integer(mayEnd: true);
        return true;
    }

    public static bool Stream(ref LineCursor cursor, LogEvent found)
    {
        found.Number = cursor.Integer();
        return cursor.Skip(" added") || cursor.IsCutOff;
    }

    public static bool AnotherRound(ref LineCursor cursor, LogEvent found)
    {
        found.Pages = cursor.Integer();
        _ = cursor.SkipTo("(last = ");
        found.LastPages = cursor.Integer();
        return true;
    }

    public static bool PreCopyStopped(ref LineCursor cursor, LogEvent found)
    {
        found.Pages = cursor.Integer();
        if (cursor.Skip(" pages were modified"))
        {
            return true;
        }

        _ = cursor.SkipTo("switchover time goal of ");
        found.LimitMilliseconds = cursor.Decimal() * 1000;
        _ = cursor.SkipTo("(network bandwidth ~");
        found.MegabytesPerSecond = cursor.Decimal();
        _ = cursor.Skip(" MB/s, ");
        found.T2dPercent = cursor.Decimal();
        return true;
    }

    public static bool AllSent(ref LineCursor cursor, LogEvent found)
    {
        if (!cursor.Skip(" (no network bandwidth estimate)"))
        {
            _ = cursor.SkipTo("(network bandwidth ~");
            found.MegabytesPerSecond = cursor.Decimal();
        }

        return true;
    }

    public static bool Lock(ref LineCursor cursor, LogEvent found)
    {
        found.Number = cursor.Integer();
        return cursor.SkipTo("[Req mode") && Quote(ref cursor, found);
    }

    // "Failed: IO was aborted (0xbad00e0) @0x...", with and without the blank.
    public static bool FailureStatus(ref LineCursor cursor, LogEvent found)
    {
        found.Text = cursor.Until("(0x");
        found.Number = (long?)cursor.Hexadecimal();
        return true;
    }

    // Its second sentence guesses. Nothing of it is kept, so that no guess is ever shown as a cause.
    public static bool GeneralFailure(ref LineCursor cursor, LogEvent found) => true;

    public static bool SwitchoverLimit(ref LineCursor cursor, LogEvent found)
    {
        found.LimitMilliseconds = cursor.Integer() * 1000.0;
        return true;
    }

    public static bool WaitFailed(ref LineCursor cursor, LogEvent found)
    {
        found.Number = cursor.Integer();
        _ = cursor.Skip(".");
        found.Text = cursor.Rest();
        return true;
    }

    public static bool RestoreOpened(ref LineCursor cursor, LogEvent found)
    {
        found.Side = 'D';
        found.Source = Address(cursor.Until(">"));
        _ = cursor.SkipTo("migration id ");
        found.Id = cursor.Unsigned(mayEnd: true);
        return true;
    }

    public static bool StunBegins(ref LineCursor cursor, LogEvent found)
    {
        found.LimitMilliseconds = cursor.Integer() * 1000.0;
        return true;
    }

    public static bool Microseconds(ref LineCursor cursor, LogEvent found)
    {
        found.Milliseconds = cursor.Integer() / 1000.0;
        return true;
    }

    public static bool StateFinished(ref LineCursor cursor, LogEvent found)
    {
        found.Number = cursor.Integer();
        _ = cursor.Skip(" new state=");
        return Quote(ref cursor, found);
    }

    public static bool StateChanged(ref LineCursor cursor, LogEvent found)
    {
        string rest = cursor.Rest();
        found.Text = rest.EndsWith('.') ? rest[..^1] : rest;
        return true;
    }

    public static bool RemoteLog(ref LineCursor cursor, LogEvent found)
    {
        if (cursor.Skip("Destination waited for "))
        {
            found.Milliseconds = cursor.Decimal() * 1000;
            return true;
        }

        return Quote(ref cursor, found);
    }

    public static bool ProcessLeft(ref LineCursor cursor, LogEvent found)
    {
        found.Number = cursor.Integer(mayEnd: true);
        return true;
    }

    // The id is written in hexadecimal here, without saying so, and in decimal everywhere else.
    public static bool Specification(ref LineCursor cursor, LogEvent found)
    {
        found.Number = cursor.Integer();
        _ = cursor.SkipTo("srcIp=<");
        found.Source = Address(cursor.Until(">"));
        _ = cursor.SkipTo("dstIp=<");
        found.Destination = Address(cursor.Until(">"));
        _ = cursor.SkipTo("mid=");
        found.Id = cursor.Hexadecimal();
        _ = cursor.SkipTo("uuid=");
        found.Text = cursor.Until(" ");
        return true;
    }

    public static bool Request(ref LineCursor cursor, LogEvent found)
    {
        found.Side = cursor.Until("'") switch { "to" => 'S', "from" => 'D', _ => '\0' };
        _ = cursor.SkipTo("mid id ");
        found.Id = cursor.Unsigned();
        _ = cursor.SkipTo("src ip <");
        found.Source = Address(cursor.Until(">"));
        _ = cursor.SkipTo("dst ip <");
        found.Destination = Address(cursor.Until(">"));
        return true;
    }

    public static bool Information(ref LineCursor cursor, LogEvent found)
    {
        found.Number = cursor.Integer();
        _ = cursor.SkipTo("srcIp=<");
        found.Source = Address(cursor.Until(">"));
        _ = cursor.SkipTo("dstIp=<");
        found.Destination = Address(cursor.Until(">"));
        _ = cursor.SkipTo("mid=");
        found.Id = cursor.Unsigned();
        _ = cursor.SkipTo("uuid=");
        found.Text = cursor.Until(" ");
        return true;
    }

    // A machine that emigrated and is on again is back: the migration failed.
    public static bool ControlState(ref LineCursor cursor, LogEvent found)
    {
        string? from = cursor.Until(" -> VM_STATE_");
        string? to = cursor.Until(")");
        found.Kind = (from, to) == ("EMIGRATING", "ON") ? LogEventKind.BackAtSource : LogEventKind.StateChanged;
        found.Side = from == "EMIGRATING" ? 'S' : found.Side;
        found.Text = to is null ? from : $"{from} to {to}";
        return true;
    }

    public static bool ControlPrepare(ref LineCursor cursor, LogEvent found)
    {
        found.Id = cursor.Unsigned();
        _ = cursor.Skip("): Sending '");
        found.Side = cursor.Until("'") switch { "to" => 'S', "from" => 'D', _ => '\0' };
        if (cursor.SkipTo("srcIp=<"))
        {
            found.Source = Address(cursor.Until(">"));
            _ = cursor.SkipTo("dstIp=<");
            found.Destination = Address(cursor.Until(">"));
        }

        return true;
    }

    private static bool OpeningOf(char side, ref LineCursor cursor, LogEvent found)
    {
        found.Side = side;
        long? world = cursor.Integer();
        _ = cursor.SkipTo("ts = ");
        found.Id = cursor.Unsigned() ?? found.Id;
        _ = cursor.SkipTo("srcIP = <");
        found.Source = Address(cursor.Until(">"));
        _ = cursor.SkipTo("dstIP = <");
        found.Destination = Address(cursor.Until(">"));
        if (side == 'S')
        {
            found.World = world;
            return DestinationWorld(ref cursor, found);
        }

        found.DestinationWorld = world;
        return true;
    }

    private static bool DestinationWorld(ref LineCursor cursor, LogEvent found)
    {
        _ = cursor.SkipTo("Dest wid = ");
        found.DestinationWorld = cursor.Integer();
        return true;
    }

    // An IPv4 address of a dual-stack socket is shown as what it is.
    private static string? Address(string? text) => text is not null && text.StartsWith(MappedPrefix, StringComparison.Ordinal) ? text[MappedPrefix.Length..] : text;
}
