using PageEngine.Planning;
using Xunit;

namespace PageEngine.Tests.Planning;

public sealed class RoundStatisticsTests
{
    private const double MiB = 1 << 20;

    // A log of four stamps: the copy of all memory begins, 38769 pages were modified, 9616, 3872, stop.
    private static readonly TimeSpan[] _stamps =
    [
        Uptime(5, 39, 48.296), Uptime(5, 40, 22.501), Uptime(5, 40, 25.404), Uptime(5, 40, 26.278),
    ];

    [Fact]
    public void Log_stamps_give_the_dirty_rates_of_the_table()
    {
        RoundStatistics[] rounds = LoggedRounds();

        Assert.Equal([34.205, 2.903, 0.874], rounds.Select(round => Math.Round(round.Duration.TotalSeconds, 6)));
        Assert.Equal([4.427, 12.939, 17.305], rounds.Select(round => Math.Round(round.DirtyBytesPerSecond / MiB, 3)));
    }

    [Fact]
    public void Log_stamps_give_the_transmit_rates_of_the_table()
    {
        RoundStatistics[] rounds = LoggedRounds();

        Assert.Equal(52.17, Math.Round(rounds[1].TransmitBytesPerSecond / MiB, 2));
        Assert.Equal(42.98, Math.Round(rounds[2].TransmitBytesPerSecond / MiB, 2));
    }

    [Fact]
    public void Logged_rest_fits_the_goal()
    {
        SwitchoverPrediction prediction = SwitchoverEstimator.Predict(LoggedRounds()[1..], 3872, new SwitchoverFixedCosts());

        Assert.InRange(prediction.Total.TotalSeconds, 0.2899, 0.3519);
    }

    [Theory]
    [InlineData(524031, 0, 52403100)]   // 2 GiB less 257 pages, none left: "52403100% t2d"
    [InlineData(1296, 1296, 100)]
    [InlineData(1L << 36, 1, 100L << 36)]
    public void T2d_is_pages_offered_for_every_page_left(long offered, long left, long percent)
    {
        RoundStatistics round = RoundBuilder.Round(0, offered, 1, left);

        Assert.Equal(percent, (long)round.T2dPercent);
        Assert.Equal(
            percent,
            (long)SwitchoverEstimator.Assess([round], left, Math.Max(offered, 1), new SwitchoverFixedCosts(), TimeSpan.Zero).T2dPercent);
    }

    [Fact]
    public void T2d_of_a_state_counts_pages_that_were_collected_but_not_sent()
    {
        RoundStatistics round = RoundBuilder.Round(0, 1000, 1, 10);

        Assert.Equal(10_000, round.T2dPercent);
        Assert.Equal(200, SwitchoverEstimator.Assess([round], 500, 1000, new SwitchoverFixedCosts(), TimeSpan.Zero).T2dPercent);
    }

    [Fact]
    public void Round_without_duration_has_no_rates()
    {
        RoundStatistics round = RoundBuilder.Round(0, 1000, 0, 10);

        Assert.Equal(0, round.TransmitBytesPerSecond);
        Assert.Equal(0, round.DirtyBytesPerSecond);
    }

    private static RoundStatistics[] LoggedRounds()
    {
        long[] offered = [524288, 38769, 9616];
        long[] left = [38769, 9616, 3872];
        return [.. Enumerable.Range(0, 3).Select(i => RoundBuilder.Round(i, offered[i], (_stamps[i + 1] - _stamps[i]).TotalSeconds, left[i]))];
    }

    private static TimeSpan Uptime(int hours, int minutes, double seconds) =>
        new TimeSpan(1, hours, minutes, 0) + TimeSpan.FromMilliseconds(seconds * 1000);
}
