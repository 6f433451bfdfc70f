using PageEngine.Planning;

namespace PageEngine.Reporting;

// Owns: what is known about a migration while it runs. Sent about ten times a second and at each change of phase.

/// <summary>A glance at a running migration.</summary>
/// <param name="Phase">The phase.</param>
/// <param name="Round">The round under way, from 0.</param>
/// <param name="RoundPages">How many pages the round had to offer.</param>
/// <param name="RoundPagesLeft">How many of them are not sent yet.</param>
/// <param name="WireBytes">Page-stream bytes since the start.</param>
/// <param name="BytesPerSecond">The wire rate of the last moment.</param>
/// <param name="Prediction">The predicted switchover as of the last finished round; null before.</param>
/// <param name="Elapsed">The time since the start.</param>
public readonly record struct MigrationProgress(
    MigrationPhase Phase,
    int Round,
    long RoundPages,
    long RoundPagesLeft,
    long WireBytes,
    double BytesPerSecond,
    SwitchoverPrediction? Prediction,
    TimeSpan Elapsed);
