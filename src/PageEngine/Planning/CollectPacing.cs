namespace PageEngine.Planning;

// Owns: how often a guest may be asked what it wrote. After each collect the first write to a page faults again: rounds that
// take next to no time (differences of a hot set) would turn the guest's time into faults. No clock: it is told.

/// <summary>Spaces collects once a migration has had some that followed each other at once.</summary>
internal sealed class CollectPacing
{
    /// <summary>How many collects may follow each other at once: a migration that converges needs a few.</summary>
    internal const int Burst = 8;

    /// <summary>How long the guest is left alone for each page that it dirtied: ten times what the fault costs it.</summary>
    internal static readonly TimeSpan RestPerPage = TimeSpan.FromMicroseconds(10);

    /// <summary>The longest interval: with it a hot set of 16 MiB loses less than a tenth of its speed.</summary>
    internal static readonly TimeSpan LongestRest = TimeSpan.FromMilliseconds(50);

    private int _hasty;
    private TimeSpan _rest;

    /// <summary>Gets the least time from the last collect to the next.</summary>
    internal TimeSpan LeastInterval => _hasty < Burst ? TimeSpan.Zero : _rest;

    /// <summary>Notes a collect.</summary>
    /// <param name="interval">The time since the one before.</param>
    /// <param name="dirtied">The pages that it found.</param>
    internal void Collected(TimeSpan interval, long dirtied)
    {
        _rest = dirtied >= LongestRest / RestPerPage ? LongestRest : dirtied * RestPerPage;
        _hasty += interval < _rest ? 1 : 0;
    }
}
