using PageEngine.Transport.Edges;
using Xunit;

namespace PageEngine.Transport.Tests.Edges;

public sealed class ReferenceProbeTests
{
    private const int Trial = ReferenceProbe.BatchesPerTurn * ReferenceProbe.Turns;

    [Theory]
    [InlineData(100, 100, 80, 100, true)] // faster
    [InlineData(100, 100, 100, 50, true)] // as fast, and half the processor time
    [InlineData(100, 100, 104, 79, true)]
    [InlineData(100, 100, 100, 100, false)] // no gain
    [InlineData(100, 100, 95, 95, false)] // within the noise
    [InlineData(100, 100, 130, 20, false)] // processor time does not buy a slower migration
    public void References_are_chosen_only_where_they_gain(long copyWall, long copyCpu, long referenceWall, long referenceCpu, bool expected)
    {
        var probe = default(ReferenceProbe);
        RunTrial(ref probe, copyWall, copyCpu, referenceWall, referenceCpu);
        Assert.True(probe.IsDecided);
        Assert.Equal(expected, probe.UseReferences);
    }

    [Fact]
    public void Both_ways_have_as_many_batches_and_copying_begins()
    {
        var probe = default(ReferenceProbe);
        var ways = new List<bool>();
        while (!probe.IsDecided)
        {
            ways.Add(probe.UseReferences);
            probe.Add(1 << 22, 1, 1);
        }

        Assert.Equal(Trial, ways.Count);
        Assert.False(ways[0]);
        Assert.Equal(Trial / 2, ways.Count(way => way));
    }

    [Fact]
    public void A_choice_is_looked_at_again()
    {
        var probe = default(ReferenceProbe);
        RunTrial(ref probe, 100, 100, 50, 50);
        for (int i = 0; i < ReferenceProbe.BatchesPerChoice; i++)
        {
            Assert.True(probe.IsDecided && probe.UseReferences);
            probe.Add(1 << 22, 1000, 1000); // what a choice costs does not change it before its time
        }

        Assert.False(probe.IsDecided);
        RunTrial(ref probe, 100, 100, 150, 150);
        Assert.True(probe.IsDecided);
        Assert.False(probe.UseReferences);
    }

    [Fact]
    public void The_first_turn_of_each_way_does_not_count()
    {
        var probe = default(ReferenceProbe);
        for (int i = 0; !probe.IsDecided; i++)
        {
            bool warmsUp = i < 2 * ReferenceProbe.BatchesPerTurn;
            long cost = probe.UseReferences ? (warmsUp ? 100_000 : 50) : 100;
            probe.Add(1 << 22, cost, cost);
        }

        Assert.True(probe.UseReferences);
    }

    [Fact]
    public void Batches_of_different_sizes_are_compared_by_the_byte()
    {
        var probe = default(ReferenceProbe);
        while (!probe.IsDecided)
        {
            bool reference = probe.UseReferences;
            probe.Add(reference ? 1 << 20 : 1 << 22, reference ? 50 : 100, reference ? 50 : 100);
        }

        Assert.False(probe.UseReferences); // half the time, for a quarter of the bytes
    }

    private static void RunTrial(ref ReferenceProbe probe, long copyWall, long copyCpu, long referenceWall, long referenceCpu)
    {
        for (int i = 0; i < Trial; i++)
        {
            bool reference = probe.UseReferences;
            probe.Add(1 << 22, reference ? referenceWall : copyWall, reference ? referenceCpu : copyCpu);
        }
    }
}
