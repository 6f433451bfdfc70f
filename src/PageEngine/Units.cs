using System.Globalization;

namespace PageEngine;

// Owns: how sizes, rates and durations are written by people and printed for them. Pure and culture-independent.
// Binary prefixes are powers of 1024 and count bytes; decimal prefixes are powers of 1000 and count bits: the two
// never share a spelling, so that nobody has to guess which one is meant.

/// <summary>Parses and prints sizes (bytes), rates (bytes per second) and durations.</summary>
public static class Units
{
    private const string SizeExample = "64MiB, 1GiB or 4096";
    private const string RateExample = "200MiB/s or 10Gbit/s";
    private const string DurationExample = "500ms, 90s or 2min";

    // Longest names first is not needed: the unit is everything after the number and must match as a whole.
    private static readonly (string Name, decimal Factor)[] _sizes =
    [
        ("", 1), ("B", 1), ("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("TiB", 1L << 40),
    ];

    private static readonly (string Name, decimal Factor)[] _rates =
    [
        ("B/s", 1), ("KiB/s", 1L << 10), ("MiB/s", 1L << 20), ("GiB/s", 1L << 30), ("TiB/s", 1L << 40),
        ("bit/s", 0.125m), ("kbit/s", 125m), ("Mbit/s", 125_000m), ("Gbit/s", 125_000_000m), ("Tbit/s", 125_000_000_000m),
    ];

    private static readonly (string Name, decimal Factor)[] _durations =
    [
        ("us", TimeSpan.TicksPerMicrosecond), ("ms", TimeSpan.TicksPerMillisecond), ("s", TimeSpan.TicksPerSecond),
        ("min", TimeSpan.TicksPerMinute), ("h", TimeSpan.TicksPerHour),
    ];

    /// <summary>Reads a size such as <c>64MiB</c>, <c>1.5GiB</c> or <c>4096</c>; 1 MiB is 2^20 bytes.</summary>
    /// <returns>The number of bytes, zero or more.</returns>
    /// <exception cref="FormatException">It is not a size, not a whole number of bytes, or too large.</exception>
    public static long ParseBytes(string text)
    {
        decimal bytes = Parse(text, "size", _sizes, SizeExample);
        return bytes == decimal.Truncate(bytes)
            ? (long)bytes
            : throw new FormatException($"'{text}' is not a size: it is {bytes.ToString(CultureInfo.InvariantCulture)} bytes, which is not a whole number. Write for example {SizeExample}.");
    }

    /// <summary>Reads a rate such as <c>200MiB/s</c> or <c>10Gbit/s</c>; 1 Gbit/s is 10^9 bits per second.</summary>
    /// <returns>Bytes per second, zero or more; fractions of a byte are dropped.</returns>
    /// <exception cref="FormatException">It is not a rate, or too large.</exception>
    public static long ParseBytesPerSecond(string text) => (long)Parse(text, "rate", _rates, RateExample);

    /// <summary>Reads a duration such as <c>500ms</c>, <c>90s</c>, <c>2min</c> or <c>1h</c>.</summary>
    /// <returns>A duration of zero or more; fractions of 100 ns are dropped.</returns>
    /// <exception cref="FormatException">It is not a duration, or too long.</exception>
    public static TimeSpan ParseDuration(string text) => new((long)Parse(text, "duration", _durations, DurationExample));

    /// <summary>Prints a size for a person, with one decimal where it is not a whole number of its unit: <c>1.5 GiB</c>.</summary>
    public static string FormatBytes(double bytes) => Scaled(bytes, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);

    /// <summary>Prints a size exactly, in the largest unit that divides it, as <see cref="ParseBytes"/> reads it: <c>64MiB</c>.</summary>
    public static string FormatBytesExact(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        for (int i = _sizes.Length - 1; i > 1 && bytes > 0; i--)
        {
            long unit = (long)_sizes[i].Factor;
            if (bytes % unit == 0)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{bytes / unit}{_sizes[i].Name}");
            }
        }

        return bytes.ToString(CultureInfo.InvariantCulture) + "B";
    }

    /// <summary>Prints a rate for a person in binary units: <c>200 MiB/s</c>.</summary>
    public static string FormatBytesPerSecond(double bytesPerSecond) => FormatBytes(bytesPerSecond) + "/s";

    /// <summary>Prints a rate exactly, as <see cref="ParseBytesPerSecond"/> reads it: <c>200MiB/s</c>.</summary>
    public static string FormatBytesPerSecondExact(long bytesPerSecond) => FormatBytesExact(bytesPerSecond) + "/s";

    /// <summary>Prints a rate, given in bytes per second, in bits per second: <c>9.4 Gbit/s</c>.</summary>
    public static string FormatBitsPerSecond(double bytesPerSecond) =>
        Scaled(bytesPerSecond * 8, 1000, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"]);

    /// <summary>Prints a duration for a person: <c>850 us</c>, <c>6.2 ms</c>, <c>1.25 s</c>, <c>2 min 5 s</c>, <c>1 h 3 min</c>.</summary>
    public static string FormatDuration(TimeSpan duration)
    {
        CultureInfo invariant = CultureInfo.InvariantCulture;
        if (duration < TimeSpan.Zero)
        {
            return "-" + FormatDuration(duration.Negate());
        }

        // The limits are where rounding would print 1000 of the smaller unit.
        return duration switch
        {
            { Ticks: 0 } => "0 ms",
            _ when duration.TotalMicroseconds < 999.5 => string.Create(invariant, $"{duration.TotalMicroseconds:0} us"),
            _ when duration.TotalMilliseconds < 99.95 => string.Create(invariant, $"{duration.TotalMilliseconds:0.#} ms"),
            _ when duration.TotalMilliseconds < 999.5 => string.Create(invariant, $"{duration.TotalMilliseconds:0} ms"),
            _ when duration.TotalSeconds < 59.995 => string.Create(invariant, $"{duration.TotalSeconds:0.##} s"),
            _ when duration.TotalMinutes < 60 => WholeParts(duration.TotalSeconds, "min", "s"),
            _ => WholeParts(duration.TotalMinutes, "h", "min"),
        };
    }

    private static string WholeParts(double small, string largeName, string smallName)
    {
        long total = (long)Math.Round(small);
        return total % 60 == 0
            ? string.Create(CultureInfo.InvariantCulture, $"{total / 60} {largeName}")
            : string.Create(CultureInfo.InvariantCulture, $"{total / 60} {largeName} {total % 60} {smallName}");
    }

    private static string Scaled(double value, double step, ReadOnlySpan<string> names)
    {
        int i = 0;
        while (Math.Abs(value) >= step - 0.05 && i < names.Length - 1)
        {
            value /= step;
            i++;
        }

        string format = i == 0 ? "0" : "0.#";
        return string.Create(CultureInfo.InvariantCulture, $"{value.ToString(format, CultureInfo.InvariantCulture)} {names[i]}");
    }

    private static decimal Parse(string text, string what, (string Name, decimal Factor)[] units, string example)
    {
        ArgumentNullException.ThrowIfNull(text);
        int digits = 0;
        while (digits < text.Length && (char.IsAsciiDigit(text[digits]) || text[digits] == '.'))
        {
            digits++;
        }

        if (digits == 0)
        {
            throw new FormatException($"'{text}' is not a {what}: a number is expected at character 1. Write for example {example}.");
        }

        if (!decimal.TryParse(text.AsSpan(0, digits), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal number))
        {
            throw new FormatException($"'{text}' is not a {what}: '{text[..digits]}' at character 1 is not a number, or too large. Write for example {example}.");
        }

        int unitStart = digits;
        while (unitStart < text.Length && text[unitStart] == ' ')
        {
            unitStart++;
        }

        ReadOnlySpan<char> unit = text.AsSpan(unitStart);
        foreach ((string name, decimal factor) in units)
        {
            if (unit.SequenceEqual(name))
            {
                // Compared before the product is made: a decimal overflows with an exception of another kind.
                return number <= long.MaxValue / factor
                    ? number * factor
                    : throw new FormatException($"'{text}' is too large for a {what}. Write for example {example}.");
            }
        }

        string known = string.Join(", ", units.Where(u => u.Name.Length > 0).Select(u => u.Name));
        string problem = unit.Length == 0 ? "a unit is missing" : $"unknown unit '{unit}'";
        throw new FormatException($"'{text}' is not a {what}: {problem} at character {unitStart + 1}; the units are {known}. Write for example {example}.");
    }
}
