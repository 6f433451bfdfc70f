using PageEngine.Planning;

namespace PageEngine.Checkpoints;

// Owns: what writing a checkpoint did and cost.

/// <summary>How a checkpoint was written. Immutable.</summary>
public sealed record CheckpointReport
{
    /// <summary>Gets the checkpoint.</summary>
    public required CheckpointInfo Checkpoint { get; init; }

    /// <summary>Gets the rounds, oldest first; one for a guest that was paused.</summary>
    public required IReadOnlyList<RoundStatistics> Rounds { get; init; }

    /// <summary>Gets how long the guest stood still; null when the caller had paused it.</summary>
    public TimeSpan? Pause { get; init; }

    /// <summary>Gets how long everything took, flushing included.</summary>
    public required TimeSpan Total { get; init; }

    /// <summary>Gets how many pages with bytes were written and then replaced by newer ones in the same file.</summary>
    public required long ReplacedPages { get; init; }
}
