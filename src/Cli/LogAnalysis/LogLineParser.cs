using System.Buffers;
using System.Globalization;

namespace PageEngine.Cli.LogAnalysis;

// Owns: finding a message in a line, whatever a relay, a logger or a person put in front of it, and the id and side that
// stand before it. Pure; a line that is not recognised allocates nothing.

/// <summary>Reads lines of logs.</summary>
internal static class LogLineParser
{
    private const string GuestWord = "Migrate: vm ";

    private static readonly SearchValues<string> _anchors = SearchValues.Create([.. LogMessages.Table.Select(m => m.Anchor)], StringComparison.Ordinal);

    // By the first two characters: one line in a thousand has a message, but those that do should not try all of them.
    private static readonly ILookup<(char, char), LogMessage> _byBeginning = LogMessages.Table.ToLookup(m => (m.Anchor[0], m.Anchor[1]));

    /// <summary>Reads a line.</summary>
    /// <returns>What it says; null when no format knows it.</returns>
    public static LogEvent? Parse(ReadOnlySpan<char> line)
    {
        int from = 0;
        while (from < line.Length && line[from..].IndexOfAny(_anchors) is >= 0 and int found)
        {
            int at = from + found;
            foreach (LogMessage message in _byBeginning[(line[at], line[at + 1])])
            {
                if (line[at..].StartsWith(message.Anchor, StringComparison.Ordinal)
                    && Read(message, line[..at], line[(at + message.Anchor.Length)..]) is { } recognised)
                {
                    return recognised;
                }
            }

            from = at + 1;
        }

        return null;
    }

    private static LogEvent? Read(LogMessage message, ReadOnlySpan<char> head, ReadOnlySpan<char> rest)
    {
        LogEvent found = new() { Kind = message.Kind };
        if (!message.MayFollow(head))
        {
            return null;
        }

        ReadHead(head, found);
        LineCursor cursor = new(rest);
        if (!message.Read(ref cursor, found))
        {
            return null;
        }

        found.IsCutOff = cursor.IsCutOff;
        found.Stamp = LogStamp.Find(head);
        return found;
    }

    // "1451061663105920 S: ", "7259: 78343750: " or "sub=... (1451061663105920)] ".
    private static void ReadHead(ReadOnlySpan<char> head, LogEvent found)
    {
        int guest = head.IndexOf(GuestWord, StringComparison.Ordinal);
        if (guest >= 0)
        {
            found.World = new LineCursor(head[(guest + GuestWord.Length)..]).Integer();
        }

        for (int end = head.Length; end >= 4; end--)
        {
            ReadOnlySpan<char> before = head[..end];
            if (before is [.., ' ', 'S' or 'D', ':'] && (end == head.Length || head[end] == ' '))
            {
                found.Side = before[^2];
                found.Id = LastNumber(before[..^3]);
                if (found.Id is not null)
                {
                    return;
                }

                // "- S: ": this program before it knew an id.
                if (before is [.., '-', ' ', _, ':'])
                {
                    return;
                }

                found.Side = '\0';
            }
        }

        int closed = head.LastIndexOf(')');
        if (head.Contains("hostd", StringComparison.Ordinal) && closed > 0 && LastNumber(head[..closed]) is { } control)
        {
            found.Id = control;
            found.Side = head.Contains("Dst (", StringComparison.Ordinal) ? 'D' : head.Contains("Src (", StringComparison.Ordinal) ? 'S' : '\0';
            return;
        }

        // The oldest form: the number of a source line, the id, the message.
        ReadOnlySpan<char> old = head.TrimEnd(' ');
        if (head.Contains("Migrate: ", StringComparison.Ordinal) && found.World is null && old is [.., ':'] && LastNumber(old[..^1]) is { } id && old[..^1].LastIndexOf(' ') is > 1 and int space && old[space - 1] == ':'
            && char.IsAsciiDigit(old[space - 2]))
        {
            found.Id = id;
        }
    }

    private static ulong? LastNumber(ReadOnlySpan<char> text)
    {
        int begin = text.Length;
        while (begin > 0 && char.IsAsciiDigit(text[begin - 1]))
        {
            begin--;
        }

        return begin < text.Length && ulong.TryParse(text[begin..], NumberStyles.None, CultureInfo.InvariantCulture, out ulong number) ? number : null;
    }
}
