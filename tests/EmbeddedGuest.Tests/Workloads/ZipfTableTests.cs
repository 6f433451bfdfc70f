using PageEngine.EmbeddedGuest.Operations;
using PageEngine.EmbeddedGuest.Workloads;
using Xunit;

namespace PageEngine.EmbeddedGuest.Tests.Workloads;

public class ZipfTableTests
{
    private const int Draws = 400_000;

    [Theory]
    [InlineData(1, 1)]
    [InlineData(5, 0.5)]
    [InlineData(1000, 0.99)]
    [InlineData(2048, 1)]
    [InlineData(2049, 1)]
    [InlineData(300_000, 0.99)]
    [InlineData(300_000, 0.2)]
    [InlineData(300_000, 8)]
    public void Draw_follows_the_law(int ranks, double skew)
    {
        ZipfTable table = new(ranks, skew);
        int[] hits = new int[ranks];
        for (ulong i = 0; i < Draws; i++)
        {
            hits[table.Draw(Mixer.Mix(i))]++;
        }

        // The oracle: the law itself, summed over every rank, compared at the ends of groups of ranks.
        double total = 0;
        for (int r = 1; r <= ranks; r++)
        {
            total += Math.Pow(r, -skew);
        }

        double expected = 0;
        long drawn = 0;
        int next = 1;
        for (int r = 1; r <= ranks; r++)
        {
            expected += Math.Pow(r, -skew) / total;
            drawn += hits[r - 1];
            if (r == next || r == ranks)
            {
                Assert.InRange((double)drawn / Draws, expected - 0.006, expected + 0.006);
                next *= 2;
            }
        }
    }

    [Fact]
    public void Draw_stays_within_the_ranks_at_the_edges()
    {
        foreach (long ranks in new[] { 1L, 2, 1024, 1025, 2047, 2048, 2049, 1 << 20, 1L << 31 })
        {
            ZipfTable table = new(ranks, 0.01);
            foreach (ulong random in (ulong[])[0, ulong.MaxValue, 1, 1UL << 53, (1UL << 53) - 1])
            {
                Assert.InRange(table.Draw(random), 0, ranks - 1);
            }

            for (ulong i = 0; i < 20_000; i++)
            {
                Assert.InRange(table.Draw(Mixer.Mix(i)), 0, ranks - 1);
            }
        }
    }

    [Fact]
    public void The_last_rank_of_a_large_memory_can_be_drawn()
    {
        ZipfTable table = new(3000, 0.01);
        bool found = false;
        for (ulong i = 0; i < 200_000 && !found; i++)
        {
            found = table.Draw(Mixer.Mix(i)) == 2999;
        }

        Assert.True(found);
    }
}
