namespace PageEngine.Cli.Bench;

// Owns: what many runs of the same thing came to.

/// <summary>Minimum, median and maximum.</summary>
internal sealed record Spread(double Min, double Median, double Max)
{
    /// <summary>Orders values; null when there are none.</summary>
    public static Spread? Of(IEnumerable<double?> values)
    {
        double[] ordered = [.. values.OfType<double>().Order()];
        return ordered.Length == 0 ? null : new Spread(
            ordered[0],
            ordered.Length % 2 == 1 ? ordered[ordered.Length / 2] : (ordered[(ordered.Length / 2) - 1] + ordered[ordered.Length / 2]) / 2,
            ordered[^1]);
    }
}
