using System.Globalization;
using System.Text;
using System.Text.Json;

namespace PageEngine.Bench.Paired;

// Owns: what all pairs gave, as tables for people and as JSON.

/// <summary>One line: the ratio of two things that ran in turn.</summary>
/// <param name="What">What is compared with what.</param>
/// <param name="Ratio">The ratios of the pairs.</param>
/// <param name="Goal">What it should be; empty: no goal.</param>
internal sealed record BenchRow(string What, RatioSummary Ratio, string Goal);

/// <summary>One line of what a way over the wire gave by itself.</summary>
internal sealed record WireRow(string Method, RatioSummary GigabytesPerSecond, RatioSummary CpuSecondsPerGigabyte);

/// <summary>All of it.</summary>
internal sealed record BenchSummary(
    string Machine,
    int Pairs,
    IReadOnlyList<BenchRow> Kernels,
    IReadOnlyList<BenchRow> Rates,
    IReadOnlyList<BenchRow> Cpu,
    IReadOnlyList<WireRow> Wire)
{
    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    internal string ToJson() => JsonSerializer.Serialize(this, _json);

    internal string ToMarkdown()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"Machine: {Machine}. {Pairs} pairs; each column is minimum / median / maximum.").AppendLine();
        Ratios(text, "Rate, as a ratio (more is better)", Rates);
        Ratios(text, "CPU seconds per GB, both sides together, as a ratio (less is better)", Cpu);
        Ratios(text, "Kernels: time of the engine's / time of C's (less is better)", Kernels);
        text.AppendLine("| by itself | GB/s | CPU s/GB, both sides |").AppendLine("|---|---|---|");
        foreach (WireRow row in Wire)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"| {row.Method} | {row.GigabytesPerSecond.Text("0.00")} | {row.CpuSecondsPerGigabyte.Text("0.000")} |");
        }

        return text.ToString();
    }

    /// <summary>Names the machine: processors, memory, kernel, runtime.</summary>
    internal static string DescribeMachine()
    {
        string processor = File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "unknown processor";
        long memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 30;
        string kernel = File.ReadAllText("/proc/sys/kernel/osrelease").Trim();
        return string.Create(CultureInfo.InvariantCulture, $"{processor}, {Environment.ProcessorCount} processors, {memory} GiB, Linux {kernel}, .NET {Environment.Version}");
    }

    private static void Ratios(StringBuilder text, string title, IReadOnlyList<BenchRow> rows)
    {
        if (rows.Count == 0)
        {
            return;
        }

        text.AppendLine(CultureInfo.InvariantCulture, $"| {title} | ratio | goal |").AppendLine("|---|---|---|");
        foreach (BenchRow row in rows)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"| {row.What} | {row.Ratio.Text("0.00")} | {row.Goal} |");
        }

        text.AppendLine();
    }
}
