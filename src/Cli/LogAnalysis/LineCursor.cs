using System.Globalization;

namespace PageEngine.Cli.LogAnalysis;

// Owns: reading the values of one message from left to right. A value that the line's end cuts off is not known: half a
// number is a wrong number. Pure.

/// <summary>A place in a line.</summary>
internal ref struct LineCursor(ReadOnlySpan<char> rest)
{
    private const int MaxText = 400;

    private ReadOnlySpan<char> _rest = rest;

    /// <summary>Gets whether a value or a word that belongs to the message was not there.</summary>
    public bool IsCutOff { get; private set; }

    /// <summary>Goes behind a text that must come next.</summary>
    public bool Skip(ReadOnlySpan<char> text)
    {
        if (_rest.StartsWith(text, StringComparison.Ordinal))
        {
            _rest = _rest[text.Length..];
            return true;
        }

        IsCutOff |= text.StartsWith(_rest, StringComparison.Ordinal);
        return false;
    }

    /// <summary>Goes behind the next occurrence of a text.</summary>
    public bool SkipTo(ReadOnlySpan<char> text)
    {
        int found = _rest.IndexOf(text, StringComparison.Ordinal);
        IsCutOff |= found < 0;
        _rest = found < 0 ? [] : _rest[(found + text.Length)..];
        return found >= 0;
    }

    /// <summary>Reads a whole number.</summary>
    /// <param name="mayEnd">True where a line ends with it.</param>
    public long? Integer(bool mayEnd = false) =>
        long.TryParse(Take(mayEnd, "-"), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) ? value : null;

    /// <summary>Reads a whole number without a sign.</summary>
    public ulong? Unsigned(bool mayEnd = false) =>
        ulong.TryParse(Take(mayEnd, ""), NumberStyles.None, CultureInfo.InvariantCulture, out ulong value) ? value : null;

    /// <summary>Reads a number with decimals.</summary>
    public double? Decimal() =>
        double.TryParse(Take(false, "-."), NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value) ? value : null;

    /// <summary>Reads a hexadecimal number, with or without 0x.</summary>
    public ulong? Hexadecimal()
    {
        _ = _rest.StartsWith("0x", StringComparison.Ordinal) && Skip("0x");
        return ulong.TryParse(Take(false, "abcdefABCDEF"), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value) ? value : null;
    }

    /// <summary>Reads what stands before a text and goes behind it; null when the text does not come.</summary>
    public string? Until(ReadOnlySpan<char> end)
    {
        int found = _rest.IndexOf(end, StringComparison.Ordinal);
        if (found < 0)
        {
            IsCutOff = true;
            _rest = [];
            return null;
        }

        string text = Text(_rest[..found]);
        _rest = _rest[(found + end.Length)..];
        return text;
    }

    /// <summary>Reads what is left, within a limit.</summary>
    public readonly string Rest() => Text(_rest);

    private static string Text(ReadOnlySpan<char> text) => text[..Math.Min(text.Length, MaxText)].Trim().ToString();

    private ReadOnlySpan<char> Take(bool mayEnd, ReadOnlySpan<char> also)
    {
        int length = 0;
        while (length < _rest.Length && (char.IsAsciiDigit(_rest[length]) || also.Contains(_rest[length])))
        {
            length++;
        }

        if (length == _rest.Length && (!mayEnd || length == 0))
        {
            IsCutOff = true;
            _rest = [];
            return [];
        }

        // A point behind a number ends the sentence.
        int value = length > 0 && _rest[length - 1] == '.' ? length - 1 : length;
        ReadOnlySpan<char> taken = _rest[..value];
        _rest = _rest[value..];
        return taken;
    }
}
