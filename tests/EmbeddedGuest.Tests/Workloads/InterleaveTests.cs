using FsCheck;
using FsCheck.Xunit;
using PageEngine.EmbeddedGuest.Workloads;
using Xunit;

namespace PageEngine.EmbeddedGuest.Tests.Workloads;

public class InterleaveTests
{
    [Property(MaxTest = 150)]
    public void Shares_follow_the_weights_and_ranks_count_up(NonEmptyArray<PositiveInt> raw)
    {
        long[] weights = [.. raw.Get.Take(16).Select(w => (long)w.Get * w.Get)];
        Interleave interleave = new(weights);
        double total = weights.Sum(w => (double)w);
        int[] seen = new int[weights.Length];
        for (int slot = 0; slot < Interleave.CycleLength; slot++)
        {
            int part = interleave.PartAt(slot);
            Assert.Equal(seen[part], interleave.RankAt(slot));
            seen[part]++;
        }

        for (int i = 0; i < weights.Length; i++)
        {
            Assert.Equal(seen[i], interleave.CountOf(i));
            Assert.InRange(seen[i], Math.Max(1, (weights[i] / total * Interleave.CycleLength) - weights.Length), (weights[i] / total * Interleave.CycleLength) + 1);
        }
    }

    [Fact]
    public void A_part_with_a_tiny_weight_gets_a_turn()
    {
        Interleave interleave = new([long.MaxValue, 1, 1]);
        Assert.Equal((4094, 1, 1), (interleave.CountOf(0), interleave.CountOf(1), interleave.CountOf(2)));
    }

    [Fact]
    public void Turns_are_spread_evenly()
    {
        Interleave interleave = new([3, 1]);
        for (int slot = 0; slot < Interleave.CycleLength; slot += 4)
        {
            Assert.Equal(1, Enumerable.Range(slot, 4).Count(s => interleave.PartAt(s) == 1));
        }
    }
}
