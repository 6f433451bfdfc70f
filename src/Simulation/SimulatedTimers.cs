namespace PageEngine.Simulation;

// Owns: the timers of both sides. Immutable. The defaults are the engine's.

/// <summary>How long the sides wait.</summary>
public sealed record SimulatedTimers
{
    /// <summary>Gets the engine's timers divided by 30, so that a run in which everything fails stays short. Their order
    /// is the same, and only their order matters to what can happen.</summary>
    public static SimulatedTimers Short { get; } = new()
    {
        Resume = TimeSpan.FromSeconds(4),
        Claim = TimeSpan.FromSeconds(8),
        Network = TimeSpan.FromSeconds(1),
        SignOfLife = TimeSpan.FromMilliseconds(250),
        Retry = TimeSpan.FromMilliseconds(100),
        Store = TimeSpan.FromMilliseconds(500),
    };

    /// <summary>Gets how long the source waits for an answer; default 120 s.</summary>
    public TimeSpan Resume { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>Gets for how long the source must be gone before a prepared destination claims the guest; default 240 s.</summary>
    public TimeSpan Claim { get; init; } = TimeSpan.FromSeconds(240);

    /// <summary>Gets how long the peer may be silent; default 20 s.</summary>
    public TimeSpan Network { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Gets how often a sign of life is sent; default 1 s.</summary>
    public TimeSpan SignOfLife { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Gets the time between tries; default 250 ms.</summary>
    public TimeSpan Retry { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Gets after how long a request to the store is given up; default 5 s.</summary>
    public TimeSpan Store { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Gets the time within which somebody runs once the last fault has ceased: either side's whole time for
    /// tries, the claim, and what noticing a lost peer takes.</summary>
    public TimeSpan Bound => (2 * (Resume + Claim)) + (4 * (Network + Store)) + (40 * Retry);

    internal void Validate()
    {
        foreach (TimeSpan timer in (ReadOnlySpan<TimeSpan>)[Resume, Claim, Network, SignOfLife, Retry, Store])
        {
            ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(timer, TimeSpan.Zero);
        }

        if (Claim <= Resume)
        {
            throw new ArgumentOutOfRangeException(nameof(Claim), Claim, "The claim time must be longer than the time for which the source waits.");
        }
    }
}
