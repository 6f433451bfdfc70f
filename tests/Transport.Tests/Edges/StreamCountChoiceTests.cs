using FsCheck.Xunit;
using PageEngine.Transport.Edges;
using Xunit;

namespace PageEngine.Transport.Tests.Edges;

public sealed class StreamCountChoiceTests
{
    [Theory]
    [InlineData(1, 8, 1)] // one stream fills the link
    [InlineData(2, 8, 2)]
    [InlineData(4, 8, 4)]
    [InlineData(100, 8, 8)] // as many as are open
    [InlineData(100, 1, 1)]
    public void As_many_as_gain(int enough, int open, int expected)
    {
        var choice = new StreamCountChoice(open);
        Drive(choice, 40, n => Math.Min(n, enough));
        Assert.Equal(expected, choice.Count);
    }

    [Fact]
    public void Streams_that_hinder_each_other_are_given_up()
    {
        var choice = new StreamCountChoice(8);
        Drive(choice, 20, n => Math.Min(n, 4));
        Assert.Equal(4, choice.Count);
        Drive(choice, 6 * StreamCountChoice.SpansPerChoice, n => 4.0 / n);
        Assert.Equal(1, choice.Count);
    }

    [Fact]
    public void A_link_that_gets_wider_is_used()
    {
        var choice = new StreamCountChoice(8);
        Drive(choice, 20, _ => 1);
        Assert.Equal(1, choice.Count);
        Drive(choice, 2 * StreamCountChoice.SpansPerChoice, n => Math.Min(n, 3));
        Assert.Equal(3, choice.Count);
    }

    [Property(MaxTest = 300)]
    public void It_is_never_less_than_one_nor_more_than_are_open(int seed)
    {
        var random = new Random(seed);
        int open = random.Next(1, 10);
        var choice = new StreamCountChoice(open);
        for (int i = 0; i < 500; i++)
        {
            Assert.InRange(choice.Count, 1, open);
            choice.Add(random.NextDouble() * 1e9);
        }
    }

    private static void Drive(StreamCountChoice choice, int spans, Func<int, double> rate)
    {
        for (int i = 0; i < spans; i++)
        {
            choice.Add(rate(choice.Count) * 1e9);
        }
    }
}
