namespace PageEngine.EmbeddedGuest;

// Owns: what a replay found. Immutable.

/// <summary>The outcome of <see cref="VerifiableGuest.Verify"/>: the guest's memory beside a replay from the seed.</summary>
/// <param name="Operations">Operations that the guest's virtual CPUs count as done, all replayed.</param>
/// <param name="LostOperations">Operations that are counted as done and whose effect is missing, at least. One operation
/// leaves a trace in the table, in a log and in a page; the largest number that one of the three shows is taken.</param>
/// <param name="RepeatedOperations">Effects that are there although no counted operation made them, at least.</param>
/// <param name="CorruptedPages">Pages whose bytes are not those of the replay, whatever the reason.</param>
/// <param name="InvariantViolations">Account balances that differ, a sum of all balances that is not the initial one,
/// broken links of a log's hash chain, and table digests that belong to no set of operations.</param>
/// <param name="FirstFinding">The first finding in words; null when there is none.</param>
public sealed record GuestVerification(
    long Operations,
    long LostOperations,
    long RepeatedOperations,
    long CorruptedPages,
    long InvariantViolations,
    string? FirstFinding)
{
    /// <summary>Gets whether nothing was found.</summary>
    public bool IsConsistent => (LostOperations | RepeatedOperations | CorruptedPages | InvariantViolations) == 0;
}
