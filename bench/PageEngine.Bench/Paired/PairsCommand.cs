using System.Globalization;

namespace PageEngine.Bench.Paired;

// Owns: the paired benchmarks as a command: what is compared with what, in which order, and where the summary goes.

/// <summary>Runs everything in turn: other work on the machine then meets both halves of each pair.</summary>
internal static class PairsCommand
{
    private static readonly (string Method, string Base, string Goal, string CpuGoal)[] _comparisons =
    [
        ("engine 64k", "iperf3", "≥ 1.3", "≤ 1.15"),
        ("engine 1m", "iperf3", "≥ 1.3", "≤ 1.15"),
        ("engine 4k", "iperf3", "≥ 1.0", "≤ 1.15"),
        ("engine 64k fresh", "C 64k fresh", "", ""),
        ("engine 64k 2 streams", "iperf3", "≥ 1.3", "≤ 1.15"),
        ("engine 64k 2 streams", "iperf3 2 streams", "", ""),
        ("engine 4k 2 streams", "iperf3 2 streams", "", ""),
        ("engine 4k 2 streams", "iperf3", "≥ 1.0", "≤ 1.15"),
        ("copied 64k", "iperf3", "≥ 1.3", "≤ 1.15"),
        ("copied 64k", "C 64k", "", ""),
        ("engine 64k", "copied 64k", "", ""),
        ("engine 1m", "copied 1m", "", ""),
        ("engine 4k", "C 4k", "", ""),
        ("engine 64k", "Pipe 64k", "≥ 2", ""),
        ("engine 4k", "Pipe 4k", "≥ 2", ""),
        ("sealed 64k", "SslStream 64k", "≥ 2", ""),
        ("sealed 4k", "SslStream 4k", "≥ 2", ""),
        ("sealed 64k 2 streams", "SslStream 64k", "≥ 2", ""),
        ("sealed 4k 2 streams", "SslStream 4k", "≥ 2", ""),
        ("sealed 64k 2 streams", "SslStream 64k 2 streams", "", ""),
        ("sealed 4k 2 streams", "SslStream 4k 2 streams", "", ""),
        ("sealed 64k", "copied 64k", "", ""),
    ];

    /// <param name="args">The directory of the baseline programs, the file name of the summary without its ending, and then
    /// options: --pairs N, --seconds S, --only TEXT (names that contain it, and what they are compared with), --no-kernels.</param>
    internal static async Task<int> RunAsync(string[] args)
    {
        string tools = args[0];
        string output = args[1];
        int pairs = int.Parse(Option(args, "--pairs") ?? "5", CultureInfo.InvariantCulture);
        double seconds = double.Parse(Option(args, "--seconds") ?? "1", CultureInfo.InvariantCulture);
        string only = Option(args, "--only") ?? "";

        var kernels = new List<BenchRow>();
        foreach (string name in args.Contains("--no-kernels") ? [] : KernelPairs.Names)
        {
            IReadOnlyList<(double Engine, double C)> times = await KernelPairs.RunAsync(name, tools, pairs);
            kernels.Add(new BenchRow(name, RatioSummary.Of(times.Select(t => t.Engine / t.C)), name[0] == 'z' ? "≤ 1.1" : "≤ 1.2"));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}: {kernels[^1].Ratio.Text("0.00")} ({times.Min(t => t.Engine):0} ns, C {times.Min(t => t.C):0} ns)"));
        }

        var chosen = _comparisons.Where(c => $"{c.Method} / {c.Base}".Contains(only, StringComparison.Ordinal)).ToList();
        Dictionary<string, WireMethod> methods = WireMethods.All(tools, seconds).ToDictionary(m => m.Name);
        Dictionary<string, List<Measurement>> alone = [];
        var ratios = chosen.Select(_ => (Rate: new List<double>(), Cpu: new List<double>())).ToList();
        for (int pair = 0; pair < pairs; pair++)
        {
            for (int i = 0; i < chosen.Count; i++)
            {
                // The two of a pair follow each other at once, and take turns in being first.
                (string method, string with, _, _) = chosen[i];
                Dictionary<string, Measurement> both = [];
                foreach (string name in pair % 2 == 0 ? new[] { method, with } : [with, method])
                {
                    both[name] = await methods[name].RunAsync();
                    (alone.TryGetValue(name, out List<Measurement>? all) ? all : alone[name] = []).Add(both[name]);
                }

                ratios[i].Rate.Add(both[method].BytesPerSecond / both[with].BytesPerSecond);
                ratios[i].Cpu.Add(both[method].CpuPerGigabyte / both[with].CpuPerGigabyte);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{pair + 1}/{pairs} {method} / {with}: {both[method].BytesPerSecond / 1e9:0.00} / {both[with].BytesPerSecond / 1e9:0.00} GB/s = {ratios[i].Rate[^1]:0.00}, CPU {ratios[i].Cpu[^1]:0.00}"));
            }
        }

        var summary = new BenchSummary(
            BenchSummary.DescribeMachine(),
            pairs,
            kernels,
            [.. chosen.Select((c, i) => new BenchRow($"{c.Method} / {c.Base}", RatioSummary.Of(ratios[i].Rate), c.Goal))],
            [.. chosen.Select((c, i) => new BenchRow($"{c.Method} / {c.Base}", RatioSummary.Of(ratios[i].Cpu), c.CpuGoal))],
            [.. alone.Select(m => new WireRow(m.Key, RatioSummary.Of(m.Value.Select(x => x.BytesPerSecond / 1e9)), RatioSummary.Of(m.Value.Select(x => x.CpuPerGigabyte))))]);
        await File.WriteAllTextAsync(output + ".md", summary.ToMarkdown());
        await File.WriteAllTextAsync(output + ".json", summary.ToJson());
        Console.WriteLine();
        Console.WriteLine(summary.ToMarkdown());
        return 0;
    }

    private static string? Option(string[] args, string name)
    {
        int at = Array.IndexOf(args, name);
        return at >= 0 && at + 1 < args.Length ? args[at + 1] : null;
    }
}
