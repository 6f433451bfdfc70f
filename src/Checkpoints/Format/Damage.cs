namespace PageEngine.Checkpoints.Format;

// Owns: how damage is told: which section, which offset, what is wrong, and that nothing was started.

internal static class Damage
{
    /// <summary>Makes the error.</summary>
    /// <param name="section">The section; null where none is known.</param>
    /// <param name="offset">The offset in the file, in bytes.</param>
    /// <param name="what">What is wrong, as half a sentence.</param>
    internal static MigrationException At(SectionName? section, long offset, string what) => new(
        MigrationErrorKind.DataDamaged,
        $"The checkpoint is damaged {(section is { } name ? $"in section '{name}' " : "")}at offset {offset}: {what}. Nothing was started from it; take another copy of the file, or an older checkpoint.");

    /// <summary>Makes the error for a file that ends too early.</summary>
    internal static MigrationException CutOff(SectionName? section, long offset, long missing) =>
        At(section, offset, missing > 0 ? $"it ends {missing} bytes too early" : "it ends too early");
}
