namespace PageEngine.Tests.Planning;

// Owns: the exact expectation for guests whose pages are written independently, each at its own rate (hot and cold
// ones), and a seeded guest that draws it. The oracle for the simpler models.

internal sealed record PageClass(long Pages, double WritesPerSecond);

internal static class PerPageGuest
{
    /// <summary>How many pages are dirty after so many seconds: a page written w times a second is, with probability 1 - e^(-w t).</summary>
    public static double ExpectedDirty(IEnumerable<PageClass> classes, double seconds) =>
        classes.Sum(pages => pages.Pages * (1 - Math.Exp(-pages.WritesPerSecond * seconds)));

    /// <summary>Draws each page by itself.</summary>
    public static long DrawDirty(IEnumerable<PageClass> classes, double seconds, Random random)
    {
        long dirty = 0;
        foreach (PageClass pages in classes)
        {
            double probability = 1 - Math.Exp(-pages.WritesPerSecond * seconds);
            for (long i = 0; i < pages.Pages; i++)
            {
                dirty += random.NextDouble() < probability ? 1 : 0;
            }
        }

        return dirty;
    }
}
