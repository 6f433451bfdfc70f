namespace PageEngine.Qemu.Preflight;

// Owns: one thing that stands in the way of a migration, and what a person can do about it.

/// <summary>Something that stands in the way of a migration.</summary>
/// <param name="Problem">What, in a sentence.</param>
/// <param name="Remedy">What to do about it, in a sentence.</param>
public sealed record Finding(string Problem, string Remedy)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Problem} {Remedy}";

    /// <summary>Makes one error of all findings.</summary>
    public static MigrationException Refuse(IReadOnlyCollection<Finding> findings)
    {
        ArgumentNullException.ThrowIfNull(findings);
        return new MigrationException(
            MigrationErrorKind.Refused,
            findings.Count == 1 ? findings.First().ToString() : $"{findings.Count} things stand in the way.{string.Concat(findings.Select((finding, i) => $"\n  {i + 1}. {finding}"))}");
    }
}
