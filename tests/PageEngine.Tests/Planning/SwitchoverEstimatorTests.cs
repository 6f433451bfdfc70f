using FsCheck;
using FsCheck.Xunit;
using PageEngine.Memory;
using PageEngine.Planning;
using Xunit;

namespace PageEngine.Tests.Planning;

public sealed class SwitchoverEstimatorTests
{
    private const double PageBytes = MemoryLayout.PageBytes;

    [Fact]
    public void Throughput_is_null_when_nothing_was_measured()
    {
        Assert.Null(SwitchoverEstimator.MeasureThroughput([]));
        Assert.Null(SwitchoverEstimator.MeasureThroughput([RoundBuilder.Round(0, 0, 1, 0)]));
        Assert.Null(SwitchoverEstimator.MeasureThroughput([RoundBuilder.Round(0, 100, 0, 0)]));
        Assert.Null(SwitchoverEstimator.MeasureThroughput([ZeroRound(0, 1000, 8000, 0.1)]));
    }

    [Fact]
    public void Prediction_is_unknown_without_throughput_unless_nothing_remains()
    {
        var costs = new SwitchoverFixedCosts { Commit = TimeSpan.FromMilliseconds(2) };

        SwitchoverPrediction unknown = SwitchoverEstimator.Predict([ZeroRound(0, 1000, 8000, 0.1)], 1, costs);
        SwitchoverPrediction nothing = SwitchoverEstimator.Predict([ZeroRound(0, 1000, 8000, 0.1)], 0, costs);

        Assert.Equal((TimeSpan.MaxValue, TimeSpan.MaxValue), (unknown.Pages, unknown.Total));
        Assert.Equal(TimeSpan.FromMilliseconds(2), nothing.Total);
    }

    [Fact]
    public void Small_rounds_hardly_move_the_throughput()
    {
        // 10 s at 1000 pages/s, then five rounds of 2 ms whose barrier makes them look ten times slower.
        RoundStatistics[] rounds =
            [RoundBuilder.Round(0, 10_000, 10, 1), .. Enumerable.Range(1, 5).Select(i => RoundBuilder.Round(i, 1, 0.01, 1))];

        double pagesPerSecond = SwitchoverEstimator.MeasureThroughput(rounds)!.Value / PageBytes;

        Assert.InRange(pagesPerSecond, 960, 1000);
    }

    [Fact]
    public void Lasting_change_of_the_link_replaces_what_was_known()
    {
        RoundStatistics[] rounds = [RoundBuilder.Round(0, 100_000, 100, 1), RoundBuilder.Round(1, 2500, 5, 1)];

        double pagesPerSecond = SwitchoverEstimator.MeasureThroughput(rounds)!.Value / PageBytes;

        Assert.InRange(pagesPerSecond, 500, 520);
    }

    [Fact]
    public void Zero_pages_do_not_count_as_a_slow_link()
    {
        // Round 0 scans 1000000 zero pages in a second; round 1 sends 100 pages at 10000 pages/s.
        RoundStatistics[] rounds = [ZeroRound(0, 1_000_000, 8_000_000, 1), RoundBuilder.Round(1, 100, 0.01, 1)];

        Assert.Equal(10_000, SwitchoverEstimator.MeasureThroughput(rounds)!.Value / PageBytes, tolerance: 1e-6);
    }

    [Fact]
    public void Wire_bytes_per_page_are_the_most_that_was_seen_within_the_bound()
    {
        RoundStatistics plain = RoundBuilder.Round(0, 1000, 1, 1) with { WireBytes = 1000 * 4112 };
        RoundStatistics compressed = RoundBuilder.Round(1, 1000, 1, 1) with { WireBytes = 1000 * 1500 };
        RoundStatistics mostlyZero = RoundBuilder.Round(2, 1000, 1, 1) with { SentPages = 1, ZeroPages = 999, WireBytes = 4112 + (999 * 8) };

        Assert.Equal(4112, SwitchoverEstimator.MeasureWireBytesPerPage([plain, compressed]));
        Assert.Equal(1500, SwitchoverEstimator.MeasureWireBytesPerPage([compressed]));
        Assert.Equal(1500, SwitchoverEstimator.MeasureWireBytesPerPage([plain, compressed, compressed]));
        Assert.Equal(4112, SwitchoverEstimator.MeasureWireBytesPerPage([compressed, plain, compressed]));
        Assert.Equal(SwitchoverEstimator.MaxWireBytesPerPage, SwitchoverEstimator.MeasureWireBytesPerPage([compressed, mostlyZero]));
        Assert.Equal(SwitchoverEstimator.MaxWireBytesPerPage, SwitchoverEstimator.MeasureWireBytesPerPage([ZeroRound(0, 10, 80, 1)]));
    }

    [Fact]
    public void Fixed_part_is_the_sum_with_the_longer_of_two_collects()
    {
        var costs = new SwitchoverFixedCosts
        {
            Pause = TimeSpan.FromMilliseconds(1),
            Harvest = TimeSpan.FromMilliseconds(2),
            Barrier = TimeSpan.FromMilliseconds(4),
            StateSave = TimeSpan.FromMilliseconds(8),
            StateTransfer = TimeSpan.FromMilliseconds(16),
            Restore = TimeSpan.FromMilliseconds(32),
            Commit = TimeSpan.FromMilliseconds(64),
            Resume = TimeSpan.FromMilliseconds(128),
        };
        RoundStatistics quick = RoundBuilder.Round(0, 10, 1, 0);
        RoundStatistics slow = quick with { HarvestDuration = TimeSpan.FromMilliseconds(20) };

        Assert.Equal(TimeSpan.FromMilliseconds(255), costs.Total);
        Assert.Equal(TimeSpan.FromMilliseconds(255), SwitchoverEstimator.Predict([quick], 0, costs).Fixed);
        Assert.Equal(TimeSpan.FromMilliseconds(293), SwitchoverEstimator.Predict([quick, slow], 0, costs).Fixed);
        Assert.Equal(TimeSpan.FromMilliseconds(255), SwitchoverEstimator.Predict([slow, quick], 0, costs).Fixed);
    }

    [Fact]
    public void Pages_that_the_guest_writes_before_the_pause_are_the_last_passs()
    {
        // 100 pages in 10 ms; 1000 pages a second over the link.
        RoundStatistics newest = RoundBuilder.Round(0, 1000, 1, 100) with { CollectInterval = TimeSpan.FromMilliseconds(10) };
        var atOnce = new SwitchoverFixedCosts();
        SwitchoverFixedCosts later = atOnce with { Approach = TimeSpan.FromMilliseconds(2) };
        SwitchoverFixedCosts muchLater = atOnce with { Approach = TimeSpan.FromSeconds(2) };

        Assert.Equal(0.100, SwitchoverEstimator.Predict([newest], 100, atOnce).Pages.TotalSeconds, tolerance: 1e-6);
        Assert.Equal(0.120, SwitchoverEstimator.Predict([newest], 100, later).Pages.TotalSeconds, tolerance: 1e-6);
        Assert.Equal(0.200, SwitchoverEstimator.Predict([newest], 100, muchLater).Pages.TotalSeconds, tolerance: 1e-6);
        Assert.Equal(TimeSpan.Zero, SwitchoverEstimator.Predict([newest with { DirtiedPages = 0 }], 0, later).Pages);
    }

    [Fact]
    public void Last_pass_goes_at_the_rate_of_rounds_of_its_size()
    {
        // A megabyte fits into buffers; gigabytes go at half the rate.
        RoundStatistics large = RoundBuilder.Round(0, 1_000_000, 2_000, 0);
        RoundStatistics small = RoundBuilder.Round(1, 100, 0.1, 0);

        Assert.Equal(0.1, SwitchoverEstimator.Predict([large, small], 100, new SwitchoverFixedCosts()).Pages.TotalSeconds, tolerance: 1e-3);
        Assert.Equal(2_000, SwitchoverEstimator.Predict([large, small], 1_000_000, new SwitchoverFixedCosts()).Pages.TotalSeconds, tolerance: 1);
    }

    [Fact]
    public void Latency_of_a_small_round_is_not_multiplied()
    {
        // 2 ms for one page over a link of 100 000 pages a second.
        RoundStatistics large = RoundBuilder.Round(0, 1_000_000, 10, 0);
        RoundStatistics small = RoundBuilder.Round(1, 1, 0.002, 0);
        var barrier = new SwitchoverFixedCosts { Barrier = TimeSpan.FromMilliseconds(2) };

        Assert.InRange(SwitchoverEstimator.Predict([large, small], 10, new SwitchoverFixedCosts()).Pages.TotalSeconds, 0.002, 0.0022);
        Assert.Equal(0.0001, SwitchoverEstimator.Predict([large, small], 10, barrier).Pages.TotalSeconds, tolerance: 1e-6);
    }

    [Fact]
    public void Long_barrier_does_not_make_a_link_of_infinite_speed()
    {
        var costs = new SwitchoverFixedCosts { Barrier = TimeSpan.FromSeconds(5) };

        Assert.Equal(0.1, SwitchoverEstimator.Predict([RoundBuilder.Round(0, 100, 0.1, 0)], 100, costs).Pages.TotalSeconds, tolerance: 1e-6);
    }

    [Property]
    public void Throughput_lies_between_the_slowest_and_the_fastest_round(NonEmptyArray<Tuple<PositiveInt, PositiveInt>> samples)
    {
        RoundStatistics[] rounds = Rounds(samples.Get, bandwidthFactor: 1);

        double throughput = SwitchoverEstimator.MeasureThroughput(rounds)!.Value;

        Assert.InRange(
            throughput,
            rounds.Min(round => round.TransmitBytesPerSecond) * (1 - 1e-9),
            rounds.Max(round => round.TransmitBytesPerSecond) * (1 + 1e-9));
    }

    [Property]
    public void Faster_link_never_predicts_a_longer_switchover(
        NonEmptyArray<Tuple<PositiveInt, PositiveInt>> samples, PositiveInt percentFaster, NonNegativeInt remaining)
    {
        var costs = new SwitchoverFixedCosts { Restore = TimeSpan.FromMilliseconds(1) };
        SwitchoverPrediction slower = SwitchoverEstimator.Predict(Rounds(samples.Get, 1), remaining.Get, costs);
        SwitchoverPrediction faster = SwitchoverEstimator.Predict(
            Rounds(samples.Get, 1 + (percentFaster.Get / 100.0)), remaining.Get, costs);

        // A part in a thousand million and a tick: durations are whole ticks.
        Assert.True(faster.Total <= slower.Total + (slower.Total * 1e-9) + TimeSpan.FromTicks(1 + (remaining.Get / 100)));
    }

    [Property]
    public void Higher_throughput_and_fewer_pages_never_predict_longer(NonNegativeInt remaining, NonNegativeInt more, PositiveInt rate, NonNegativeInt faster)
    {
        TimeSpan longer = SwitchoverEstimator.Predict((long)remaining.Get + more.Get, 4112, rate.Get, TimeSpan.FromTicks(7)).Total;

        Assert.True(SwitchoverEstimator.Predict(remaining.Get, 4112, rate.Get, TimeSpan.FromTicks(7)).Total <= longer);
        Assert.True(SwitchoverEstimator.Predict((long)remaining.Get + more.Get, 4112, (double)rate.Get + faster.Get, TimeSpan.FromTicks(7)).Total <= longer);
    }

    [Fact]
    public void Prediction_saturates_instead_of_overflowing()
    {
        SwitchoverPrediction prediction = SwitchoverEstimator.Predict(MemoryLayout.MaxPages, 4352, 1e-9, TimeSpan.FromSeconds(1));

        Assert.Equal(TimeSpan.MaxValue, prediction.Total);
    }

    private static RoundStatistics ZeroRound(int index, long pages, long wireBytes, double seconds) =>
        RoundBuilder.Round(index, pages, seconds, 0) with { SentPages = 0, ZeroPages = pages, WireBytes = wireBytes };

    // Samples of pages and a pace, from microseconds to minutes; the same pages over a faster link take less time.
    private static RoundStatistics[] Rounds(Tuple<PositiveInt, PositiveInt>[] samples, double bandwidthFactor) =>
    [
        .. samples.Select((sample, i) => RoundBuilder.Round(
            i, sample.Item1.Get * 100L, sample.Item1.Get * sample.Item2.Get * 1e-3 / bandwidthFactor, 1)),
    ];
}
