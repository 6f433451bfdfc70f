namespace PageEngine.Simulation.Faults;

// Owns: shorter forms of a duration, for shrinking.

internal static class Shorter
{
    /// <summary>Gets a tenth and a half of a duration, shortest first; nothing below a millisecond.</summary>
    public static IEnumerable<TimeSpan> Of(TimeSpan duration) =>
        new[] { duration / 10, duration / 2 }.Where(shorter => shorter >= TimeSpan.FromMilliseconds(1));
}
