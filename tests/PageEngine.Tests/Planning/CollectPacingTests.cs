using FsCheck.Xunit;
using PageEngine.Planning;
using Xunit;

namespace PageEngine.Tests.Planning;

public class CollectPacingTests
{
    [Fact]
    public void FewShortRounds_asAMigrationThatConvergesHasThem_areNotSpaced() =>
        Assert.Equal(TimeSpan.Zero, After(CollectPacing.Burst - 1, 1, 4096).LeastInterval);

    [Theory]
    [InlineData(1, 0.01)]
    [InlineData(4096, 40.96)]
    [InlineData(16384, 50)]
    [InlineData(long.MaxValue, 50)]
    public void ManyShortRounds_leaveTheGuestAlone_asItsPagesCost(long dirtied, double milliseconds) =>
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), After(CollectPacing.Burst, 0.001, dirtied).LeastInterval);

    [Fact]
    public void AGuestThatWroteNothing_isAskedAtOnce()
    {
        CollectPacing pacing = After(20, 1, 4096);
        pacing.Collected(TimeSpan.FromMilliseconds(1), 0);
        Assert.Equal(TimeSpan.Zero, pacing.LeastInterval);
    }

    [Property]
    public void RoundsThatTakeTheirTime_areNeverSpaced(ushort[] dirtied)
    {
        CollectPacing pacing = new();
        foreach (ushort pages in dirtied)
        {
            pacing.Collected(CollectPacing.LongestRest, pages);
        }

        Assert.Equal(TimeSpan.Zero, pacing.LeastInterval);
    }

    private static CollectPacing After(int collects, double milliseconds, long dirtied)
    {
        CollectPacing pacing = new();
        for (int i = 0; i < collects; i++)
        {
            pacing.Collected(TimeSpan.FromMilliseconds(milliseconds), dirtied);
        }

        return pacing;
    }
}
