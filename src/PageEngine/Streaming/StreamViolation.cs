namespace PageEngine.Streaming;

// Owns: the sentence for a stream that breaks the format.

internal static class StreamViolation
{
    /// <summary>Makes the exception that ends a migration whose page stream broke the format.</summary>
    /// <param name="what">What was wrong, as a clause.</param>
    internal static MigrationException Of(string what) =>
        new(MigrationErrorKind.ProtocolViolation,
            $"A page stream breaks the protocol: {what}. Nothing of that batch was applied; start the migration again, and compare the versions on both hosts if it happens again.");
}
