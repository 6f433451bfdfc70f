namespace PageEngine.Cli.LogAnalysis;

// Owns: the values of the messages that only this program writes. They count only behind an id and a side, as this
// program writes them: their first words are everybody's. Pure.

/// <summary>Readers of this program's messages.</summary>
internal static class OwnMessages
{
    public static bool Quote(ref LineCursor cursor, LogEvent found)
    {
        found.Text = IsOwn(found) ? cursor.Rest() : null;
        return found.Text is not null;
    }

    public static MessageReader Sentence(string beginning) => (ref LineCursor cursor, LogEvent found) =>
    {
        found.Text = beginning + cursor.Rest();
        return IsOwn(found);
    };

    public static bool Guest(ref LineCursor cursor, LogEvent found)
    {
        found.Text = IsOwn(found) ? cursor.Until(", epoch ") : null;
        if (!Guid.TryParse(found.Text, out _))
        {
            return false;
        }

        _ = cursor.SkipTo("attempt ");
        _ = cursor.SkipTo(", ");
        found.Bytes = cursor.Integer();
        _ = cursor.Skip(" bytes of memory, ");
        found.Number = cursor.Integer();
        return true;
    }

    public static bool Phase(ref LineCursor cursor, LogEvent found) => Quote(ref cursor, found) && !found.Text!.Contains(' ');

    public static bool Round(ref LineCursor cursor, LogEvent found)
    {
        found.Number = cursor.Integer();
        if (!IsOwn(found))
        {
            return false;
        }

        if (cursor.Skip(" has not got on for "))
        {
            found.Kind = LogEventKind.OwnNote;
            found.Text = $"Round {found.Number} has not got on for {cursor.Rest()}";
            return true;
        }

        _ = cursor.Skip(": ");
        found.LastPages = cursor.Integer();
        _ = cursor.Skip(" pages offered, ");
        found.SentPages = cursor.Integer();
        _ = cursor.Skip(" sent, ");
        found.ZeroPages = cursor.Integer();
        _ = cursor.Skip(" zero, ");
        found.Bytes = cursor.Integer();
        _ = cursor.Skip(" bytes in ");
        found.Milliseconds = cursor.Decimal();
        _ = cursor.Skip(" ms; ");
        found.Pages = cursor.Integer();
        _ = cursor.Skip(" pages written meanwhile, ");
        found.T2dPercent = cursor.Decimal();
        return true;
    }

    public static bool Decision(ref LineCursor cursor, LogEvent found)
    {
        found.Number = cursor.Integer();
        _ = cursor.Skip(": ");
        return Quote(ref cursor, found);
    }

    public static bool Rehearsal(ref LineCursor cursor, LogEvent found)
    {
        found.Number = cursor.Integer();
        _ = cursor.Skip(": ");
        return Quote(ref cursor, found);
    }

    public static bool Verification(ref LineCursor cursor, LogEvent found)
    {
        found.Pages = cursor.Integer();
        _ = cursor.Skip(" pages compared, ");
        found.Number = cursor.Integer();
        return IsOwn(found);
    }

    public static bool Blackout(ref LineCursor cursor, LogEvent found)
    {
        found.Milliseconds = cursor.Decimal();
        _ = cursor.Skip(" ms, goal ");
        found.LimitMilliseconds = cursor.Decimal();
        return IsOwn(found);
    }

    // Half a word is no outcome.
    public static bool Outcome(ref LineCursor cursor, LogEvent found) =>
        Quote(ref cursor, found) && found.Text is "Completed" or "Cancelled" or "Failed" or "InDoubt";

    public static bool Estimate(ref LineCursor cursor, LogEvent found)
    {
        if (cursor.Skip("network bandwidth ~"))
        {
            found.MegabytesPerSecond = cursor.Decimal();
        }

        return IsOwn(found);
    }

    private static bool IsOwn(LogEvent found) => found is { Id: not null, Side: not '\0' };
}
