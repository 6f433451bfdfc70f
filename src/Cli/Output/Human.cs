using System.Globalization;

namespace PageEngine.Cli.Output;

// Owns: how the numbers of reports look to people. Sizes, rates and durations are Units' own; here is the rest.

/// <summary>Formats numbers for people.</summary>
internal static class Human
{
    /// <summary>Formats milliseconds as the unit that reads best.</summary>
    public static string Milliseconds(double milliseconds) => Units.FormatDuration(TimeSpan.FromMilliseconds(milliseconds));

    /// <summary>Formats milliseconds, or says that they are not known.</summary>
    public static string Milliseconds(double? milliseconds) => milliseconds is { } known ? Milliseconds(known) : "unknown";

    /// <summary>Formats a count with groups of thousands.</summary>
    public static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>Formats a share of one hundred.</summary>
    public static string Percent(double percent) => percent.ToString(Math.Abs(percent) >= 100 ? "N0" : "0.#", CultureInfo.InvariantCulture) + " %";
}
