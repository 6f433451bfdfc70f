using System.Globalization;
using PageEngine.Cli.Output;

namespace PageEngine.Cli.Bench;

// Owns: what repeated migrations came to, as a page for a browser.

internal static class MigrationPage
{
    /// <summary>Writes the page.</summary>
    public static string Write(MigrationBenchDocument bench)
    {
        HtmlPage page = new("Migration benchmark", $"{bench.Source.Name} to {bench.Destination}, {Units.FormatBytes(bench.MemoryBytes)} of memory, {bench.Source.At.UtcDateTime.ToString("u", CultureInfo.InvariantCulture)}");
        MigrationCaseDocument[] moved = [.. bench.Cases.Where(c => c.BlackoutMs is not null)];
        if (moved.Length > 0)
        {
            page.Bars("Blackout", "How long the guest stood still: the median, with the shortest and the longest. Shorter is better.",
                [.. moved.Select(c => new Bar(c.Workload, c.BlackoutMs!.Median, Words(c.BlackoutMs, Human.Milliseconds)))]);
            page.Bars("Total time", "From the first connection to the end, the guest running nearly all the while.",
                [.. moved.Select(c => new Bar(c.Workload, c.TotalMs!.Median, Words(c.TotalMs, Human.Milliseconds)))]);
        }

        page.Table(
            ["workload", "moved", "total", "blackout", "predicted : actual", "rounds", "on the wire", "throughput", "CPU s, source", "destination"],
            [.. bench.Cases.Select(c => (IReadOnlyList<string>)
            [
                c.Workload, $"{c.Completed.ToString(CultureInfo.InvariantCulture)} of {c.Runs.ToString(CultureInfo.InvariantCulture)}", Words(c.TotalMs, Human.Milliseconds),
                Words(c.BlackoutMs, Human.Milliseconds), Words(c.PredictedToActual, Number), Words(c.Rounds, Number), Words(c.WireBytes, Units.FormatBytes),
                Words(c.ThroughputBytesPerSecond, Units.FormatBytesPerSecond), Words(c.CpuSecondsSource, Number), Words(c.CpuSecondsDestination, Number),
            ])]);
        foreach (string failure in bench.Cases.SelectMany(c => c.Failures).Distinct())
        {
            page.Paragraph($"Not moved: {failure}");
        }

        page.Paragraph("Minimum / median / maximum. Each migration is the first one of new processes. The processor's time is that of the whole process, the guest's own work included.");
        page.Paragraph($"{bench.Source.System}, {bench.Source.Runtime}, {bench.Source.Processors.ToString(CultureInfo.InvariantCulture)} processors at the source.");
        return page.ToString();
    }

    /// <summary>Writes a spread.</summary>
    public static string Words(Spread? spread, Func<double, string> word) =>
        spread is null ? "" : $"{word(spread.Min)} / {word(spread.Median)} / {word(spread.Max)}";

    private static string Number(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
}
