using System.Globalization;

namespace PageEngine.Cli.LogAnalysis;

// Owns: time stamps as logs write them: with a zone, without one, or counted from the host's start. Pure.

/// <summary>What a stamp counts from.</summary>
internal enum LogClock
{
    /// <summary>The line has no stamp.</summary>
    None = 0,

    /// <summary>A date with its zone, kept as UTC.</summary>
    Utc,

    /// <summary>A date that names no zone.</summary>
    NoZone,

    /// <summary>A date without a year and a zone.</summary>
    NoYear,

    /// <summary>Time since the host was started.</summary>
    Uptime,
}

/// <summary>One stamp.</summary>
/// <param name="Clock">What it counts from.</param>
/// <param name="Ticks">Units of 100 ns.</param>
internal readonly record struct LogStamp(LogClock Clock, long Ticks)
{
    // A relay puts a host's name in front, a search the name of a file; a stamp further to the right is part of a message.
    private const int SearchedCharacters = 120;

    private const string Months = "JanFebMarAprMayJunJulAugSepOctNovDec";

    /// <summary>Finds the stamp at the beginning of a line.</summary>
    /// <param name="head">What stands before the message.</param>
    public static LogStamp Find(ReadOnlySpan<char> head)
    {
        head = head[..Math.Min(head.Length, SearchedCharacters)];
        LogStamp uptime = default;
        for (int i = 0; i < head.Length; i++)
        {
            if (!char.IsAsciiDigit(head[i]) || (i > 0 && char.IsAsciiDigit(head[i - 1])))
            {
                continue;
            }

            if (Date(head[i..]) is { Clock: not LogClock.None } date)
            {
                return date;
            }

            uptime = uptime.Clock == LogClock.None ? Uptime(head[i..]) : uptime;
        }

        return uptime.Clock == LogClock.None ? WithoutYear(head) : uptime;
    }

    /// <summary>Prints it as a person reads it.</summary>
    public override string ToString() => Clock switch
    {
        LogClock.Utc => new DateTime(Ticks).ToString("yyyy-MM-dd HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture),
        LogClock.NoZone => new DateTime(Ticks).ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture),
        LogClock.NoYear => new DateTime(Ticks).ToString("MMM dd HH:mm:ss", CultureInfo.InvariantCulture),
        LogClock.Uptime => "up " + new TimeSpan(Ticks).ToString(@"d\:hh\:mm\:ss\.fff", CultureInfo.InvariantCulture),
        _ => "no time",
    };

    // 2015-12-25T16:39:25.565Z, 2015-12-25 16:39:25,565, and with +01:00 at its end.
    private static LogStamp Date(ReadOnlySpan<char> text)
    {
        if (text.Length < 19 || text[4] != '-' || text[7] != '-' || text[10] is not ('T' or ' ')
            || Digits(text[..4]) is not { } year || Digits(text[5..7]) is not { } month || Digits(text[8..10]) is not { } day
            || TimeOfDay(text[11..], out int length) is not { } time
            || year is 0 || month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month))
        {
            return default;
        }

        long ticks = new DateTime(year, month, day).Ticks + time;
        ReadOnlySpan<char> zone = text[(11 + length)..];
        if (zone is ['Z', ..])
        {
            return new LogStamp(LogClock.Utc, ticks);
        }

        if (zone is ['+' or '-', _, _, ..] && Digits(zone[1..3]) is { } hours and < 24)
        {
            ReadOnlySpan<char> rest = zone[3..] is [':', ..] ? zone[4..] : zone[3..];
            int minutes = rest.Length >= 2 ? Digits(rest[..2]) ?? 0 : 0;
            long offset = (TimeSpan.TicksPerHour * hours) + (TimeSpan.TicksPerMinute * minutes);
            long utc = zone[0] == '+' ? ticks - offset : ticks + offset;
            return utc >= 0 && utc <= DateTime.MaxValue.Ticks ? new LogStamp(LogClock.Utc, utc) : default;
        }

        return new LogStamp(LogClock.NoZone, ticks);
    }

    // 1:05:39:48.296
    private static LogStamp Uptime(ReadOnlySpan<char> text)
    {
        int colon = text.IndexOf(':');
        return colon is > 0 and <= 5 && Digits(text[..colon]) is { } days && text.Length > colon + 8 && text[colon + 3] == ':' && text[colon + 6] == ':'
            && TimeOfDay(text[(colon + 1)..], out _) is { } time
            ? new LogStamp(LogClock.Uptime, (days * TimeSpan.TicksPerDay) + time)
            : default;
    }

    // Mar  2 10:20:30
    private static LogStamp WithoutYear(ReadOnlySpan<char> text)
    {
        int month = text.Length >= 15 ? Months.AsSpan().IndexOf(text[..3]) : -1;
        if (month < 0 || month % 3 != 0 || text[3] != ' ' || Digits(text[4..6].TrimStart(' ')) is not { } day || TimeOfDay(text[7..], out _) is not { } time)
        {
            return default;
        }

        // A leap year, so that the 29th of February is a day.
        return day >= 1 && day <= DateTime.DaysInMonth(2000, (month / 3) + 1)
            ? new LogStamp(LogClock.NoYear, new DateTime(2000, (month / 3) + 1, day).Ticks + time)
            : default;
    }

    private static long? TimeOfDay(ReadOnlySpan<char> text, out int length)
    {
        length = 8;
        if (text.Length < 8 || text[2] != ':' || text[5] != ':'
            || Digits(text[..2]) is not { } hours || Digits(text[3..5]) is not { } minutes || Digits(text[6..8]) is not { } seconds
            || hours > 23 || minutes > 59 || seconds > 60)
        {
            return null;
        }

        long ticks = (hours * TimeSpan.TicksPerHour) + (minutes * TimeSpan.TicksPerMinute) + (seconds * TimeSpan.TicksPerSecond);
        if (text.Length > 9 && text[8] is '.' or ',')
        {
            long unit = TimeSpan.TicksPerSecond / 10;
            for (length = 9; length < text.Length && char.IsAsciiDigit(text[length]); length++, unit /= 10)
            {
                ticks += (text[length] - '0') * unit;
            }
        }

        return ticks;
    }

    private static int? Digits(ReadOnlySpan<char> text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) ? value : null;
}
