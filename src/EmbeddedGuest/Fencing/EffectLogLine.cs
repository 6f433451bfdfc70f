using System.Globalization;
using System.Text;

namespace PageEngine.EmbeddedGuest.Fencing;

// Owns: the text of a guard's log: one line an event, "EVENT GUEST EPOCH NUMBER CONTENT CHECKSUM", ASCII, ended by LF.
// What follows the last LF was never answered: a line torn by a crash.

internal enum EffectLogEvent
{
    Raise,
    Effect,
    Refused,
}

internal readonly record struct EffectLogLine(EffectLogEvent Event, Guid Guest, ulong Epoch, ulong Number, ulong Content)
{
    private const int MaxBytes = 160;

    internal byte[] ToBytes()
    {
        string text = string.Create(CultureInfo.InvariantCulture, $"{Word(Event)} {Guest:D} {Epoch} {Number} {Content:x16}");
        return Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{text} {GuardFrames.Checksum(Encoding.ASCII.GetBytes(text)):x16}\n"));
    }

    /// <summary>Reads a log, line by line, without what was torn at its end.</summary>
    /// <param name="log">The log, from its start.</param>
    /// <param name="path">Its name, for errors.</param>
    /// <param name="take">Receives each line.</param>
    /// <returns>The bytes of all whole lines.</returns>
    /// <exception cref="MigrationException">A whole line is damaged.</exception>
    internal static long ReadAll(Stream log, string path, Action<EffectLogLine> take)
    {
        byte[] buffer = new byte[64 << 10];
        int filled = 0;
        long done = 0;
        long lines = 0;
        int read;
        while ((read = log.Read(buffer, filled, buffer.Length - filled)) > 0)
        {
            filled += read;
            int start = 0;
            for (int length; (length = buffer.AsSpan(start, filled - start).IndexOf((byte)'\n')) >= 0; start += length + 1)
            {
                lines++;
                take(Parse(buffer.AsSpan(start, length)) ?? throw Damaged(path, lines));
            }

            done += start;
            filled -= start;
            buffer.AsSpan(start, filled).CopyTo(buffer);
            if (filled > MaxBytes)
            {
                throw Damaged(path, lines + 1);
            }
        }

        return done;
    }

    private static EffectLogLine? Parse(ReadOnlySpan<byte> bytes)
    {
        string[] words = bytes.Length > MaxBytes ? [] : Encoding.ASCII.GetString(bytes).Split(' ');
        EffectLogEvent? what = words.Length == 6 ? words[0] switch
        {
            "raise" => EffectLogEvent.Raise,
            "effect" => EffectLogEvent.Effect,
            "refused" => EffectLogEvent.Refused,
            _ => null,
        } : null;
        if (what is { } known
            && Guid.TryParseExact(words[1], "D", out Guid guest)
            && ulong.TryParse(words[2], NumberStyles.None, CultureInfo.InvariantCulture, out ulong epoch)
            && ulong.TryParse(words[3], NumberStyles.None, CultureInfo.InvariantCulture, out ulong number)
            && ulong.TryParse(words[4], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong content))
        {
            EffectLogLine line = new(known, guest, epoch, number, content);

            // Written again it must be the same text, checksum included: one way to write a line, one to read it.
            return line.ToBytes().AsSpan(..^1).SequenceEqual(bytes) ? line : null;
        }

        return null;
    }

    private static string Word(EffectLogEvent what) => what switch
    {
        EffectLogEvent.Raise => "raise",
        EffectLogEvent.Effect => "effect",
        _ => "refused",
    };

    private static MigrationException Damaged(string path, long line) => new(
        MigrationErrorKind.DataDamaged,
        string.Create(CultureInfo.InvariantCulture, $"Line {line} of the guard's log {path} is damaged. Only a torn last line can be left by a crash: restore the log, nothing after this line can be relied on."));
}
