namespace PageEngine.Bench.Paired;

// Owns: several paired runs as three numbers. A pair is two runs that followed each other on the same machine: only their ratio
// means something where others use the machine, too.

/// <summary>The smallest, the middle and the largest of several numbers.</summary>
internal readonly record struct RatioSummary(double Min, double Median, double Max)
{
    internal static RatioSummary Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        if (sorted.Length == 0)
        {
            throw new InvalidOperationException("There is nothing to summarise.");
        }

        int middle = sorted.Length / 2;
        double median = sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
        return new RatioSummary(sorted[0], median, sorted[^1]);
    }

    internal string Text(string format) =>
        FormattableString.Invariant($"{Min.ToString(format, null)} / {Median.ToString(format, null)} / {Max.ToString(format, null)}");
}
