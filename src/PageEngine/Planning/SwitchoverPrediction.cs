namespace PageEngine.Planning;

// Owns: the predicted blackout in its two parts. A part that cannot be known yet is TimeSpan.MaxValue, never a guess.

/// <summary>How long the switchover is expected to take, part by part.</summary>
/// <param name="Pages">Sending what remains: remaining wire bytes / measured throughput; <see cref="TimeSpan.MaxValue"/>
/// when pages remain and no throughput was measured.</param>
/// <param name="Fixed">Everything that does not depend on how much remains: pause, last harvest, state save, transfer,
/// load, commit, resume; measured or rehearsed.</param>
public readonly record struct SwitchoverPrediction(TimeSpan Pages, TimeSpan Fixed)
{
    /// <summary>Gets the whole; <see cref="TimeSpan.MaxValue"/> when a part is not known.</summary>
    public TimeSpan Total => Pages > TimeSpan.MaxValue - Fixed ? TimeSpan.MaxValue : Pages + Fixed;
}
