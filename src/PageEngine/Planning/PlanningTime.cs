using System.Globalization;
using PageEngine.Memory;

namespace PageEngine.Planning;

// Owns: the arithmetic and the wording of times, rates and pages in this folder. Times round up and saturate: a
// prediction that overflows is "too long", not an exception.

internal static class PlanningTime
{
    public static TimeSpan FromSeconds(double seconds)
    {
        double ticks = Math.Ceiling(seconds * TimeSpan.TicksPerSecond);
        return ticks < TimeSpan.MaxValue.Ticks ? TimeSpan.FromTicks(Math.Max(0, (long)ticks)) : TimeSpan.MaxValue;
    }

    public static TimeSpan Add(TimeSpan left, TimeSpan right) =>
        left > TimeSpan.MaxValue - right ? TimeSpan.MaxValue : left + right;

    public static string Text(TimeSpan time) => time switch
    {
        _ when time == TimeSpan.MaxValue => "an unknown time",
        _ when time < TimeSpan.FromSeconds(1) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds:0.##} ms"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.##} s"),
    };

    public static string Rate(double? bytesPerSecond) => bytesPerSecond is { } rate
        ? string.Create(CultureInfo.InvariantCulture, $"{rate / (1 << 20):0.0} MiB/s")
        : "an unknown rate";

    public static string Pages(long pages) =>
        string.Create(CultureInfo.InvariantCulture, $"{pages} pages ({pages * (double)MemoryLayout.PageBytes / (1 << 20):0.#} MiB)");

    public static string Rounds(int rounds) => rounds == 1 ? "1 round" : string.Create(CultureInfo.InvariantCulture, $"{rounds} rounds");

    public static string Percent(double percent) => string.Create(CultureInfo.InvariantCulture, $"{percent:0} %");
}
