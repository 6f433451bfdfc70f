using PageEngine.EmbeddedGuest;

namespace PageEngine.Cli.Output;

// Owns: what checking a guest found, in the words of the report.

/// <summary>What checking a guest against a replay of its run found.</summary>
internal sealed record GuestFindings
{
    /// <summary>Gets whether every invariant of the guest holds.</summary>
    public required bool Consistent { get; init; }

    /// <summary>Gets the first thing that was wrong; null when nothing was.</summary>
    public string? Problem { get; init; }

    /// <summary>Gets how many operations the guest has done in its life.</summary>
    public required long Operations { get; init; }

    /// <summary>Gets how many operations are missing.</summary>
    public required long LostOperations { get; init; }

    /// <summary>Gets how many operations were done twice.</summary>
    public required long RepeatedOperations { get; init; }

    /// <summary>Takes what a replay found.</summary>
    public static GuestFindings From(GuestVerification verification) => new()
    {
        Consistent = verification.IsConsistent,
        Problem = verification.FirstFinding,
        Operations = verification.Operations,
        LostOperations = verification.LostOperations,
        RepeatedOperations = verification.RepeatedOperations,
    };

    /// <summary>Gets whether nothing at all is wrong.</summary>
    public bool IsGood => Consistent && LostOperations == 0 && RepeatedOperations == 0;
}
