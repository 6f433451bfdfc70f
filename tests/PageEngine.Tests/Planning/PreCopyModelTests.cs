using PageEngine.Planning;
using Xunit;

namespace PageEngine.Tests.Planning;

public sealed class PreCopyModelTests
{
    private const long MiB = 1 << 20;

    [Fact]
    public void Textbook_guest_gives_the_table_exactly()
    {
        PreCopyForecast forecast = PreCopyModel.Predict(Textbook() with { Goal = TimeSpan.FromMilliseconds(100) });

        Assert.Equal(PreCopyForecastOutcome.GoalMet, forecast.Outcome);
        Assert.Equal(
            [
                new(0, 2048 * MiB, TimeSpan.FromSeconds(16), 512 * MiB),
                new(1, 512 * MiB, TimeSpan.FromSeconds(4), 128 * MiB),
                new(2, 128 * MiB, TimeSpan.FromSeconds(1), 32 * MiB),
                new(3, 32 * MiB, TimeSpan.FromSeconds(0.25), 8 * MiB),
            ],
            forecast.Rounds);
        Assert.Equal(8 * MiB, forecast.LastPassBytes);
        Assert.Equal(TimeSpan.FromSeconds(0.0625), forecast.LastPass);
        Assert.Equal(TimeSpan.FromSeconds(0.0625), forecast.Blackout);
        Assert.Equal(TimeSpan.FromSeconds(21.3125), forecast.Total);
        Assert.Equal(2728 * MiB, forecast.TotalBytes);
    }

    [Theory]
    [InlineData(500, 3)]    // 32 MiB in 250 ms are within the default goal already
    [InlineData(250, 3)]
    [InlineData(249, 4)]
    [InlineData(62.5, 4)]
    [InlineData(62.4, 5)]
    public void Goal_decides_how_many_rounds_are_made(double goalMs, int rounds) =>
        Assert.Equal(rounds, PreCopyModel.Predict(Textbook() with { Goal = TimeSpan.FromMilliseconds(goalMs) }).Rounds.Count);

    [Fact]
    public void Fixed_part_is_taken_from_the_goal_and_added_to_the_blackout()
    {
        PreCopyForecast forecast = PreCopyModel.Predict(
            Textbook() with { Goal = TimeSpan.FromMilliseconds(260), Fixed = TimeSpan.FromMilliseconds(20) });

        Assert.Equal(4, forecast.Rounds.Count);
        Assert.Equal(TimeSpan.FromMilliseconds(82.5), forecast.Blackout);
        Assert.Equal(TimeSpan.FromSeconds(21.3325), forecast.Total);
    }

    [Theory]
    [InlineData(0.1, 200)]
    [InlineData(0.25, 400)]
    [InlineData(0.5, 300)]
    [InlineData(0.9, 450)]
    public void Rounds_and_bytes_follow_the_closed_form(double ratio, double goalMs)
    {
        const double Memory = 4096.0 * MiB;
        const double Bandwidth = 1000.0 * MiB;
        PreCopyForecast forecast = PreCopyModel.Predict(new PreCopyModelInput
        {
            MemoryBytes = (long)Memory,
            BandwidthBytesPerSecond = Bandwidth,
            DirtyBytesPerSecond = ratio * Bandwidth,
            Goal = TimeSpan.FromMilliseconds(goalMs),
            MaxRounds = 1000,
        });

        double threshold = Bandwidth * goalMs / 1000;
        int rounds = (int)Math.Ceiling(Math.Log(threshold / Memory) / Math.Log(ratio));
        Assert.Equal(rounds, forecast.Rounds.Count);
        double total = Memory * (1 - Math.Pow(ratio, rounds + 1)) / (1 - ratio);
        Assert.Equal(total, forecast.TotalBytes, tolerance: 2);
        Assert.Equal(total / Bandwidth, forecast.Total.TotalSeconds, tolerance: 1e-6);
        Assert.Equal(Memory * Math.Pow(ratio, rounds) / Bandwidth, forecast.Blackout.TotalSeconds, tolerance: 1e-6);
    }

    [Fact]
    public void Working_set_written_faster_than_sent_stalls_at_its_own_size()
    {
        PreCopyForecast forecast = PreCopyModel.Predict(Textbook() with
        {
            DirtyBytesPerSecond = 200.0 * MiB,
            WorkingSetBytes = 256 * MiB,
        });

        Assert.Equal(PreCopyForecastOutcome.Stalled, forecast.Outcome);
        Assert.Equal(2, forecast.Rounds.Count);
        Assert.Equal(256 * MiB, forecast.LastPassBytes);
        Assert.Equal(TimeSpan.FromSeconds(2), forecast.Blackout);
    }

    [Fact]
    public void Working_set_bounds_a_long_round_but_not_a_short_one()
    {
        PreCopyForecast forecast = PreCopyModel.Predict(Textbook() with
        {
            WorkingSetBytes = 200 * MiB,
            Goal = TimeSpan.FromMilliseconds(100),
        });

        Assert.Equal([200 * MiB, 50 * MiB, 12.5 * MiB], forecast.Rounds.Select(round => (double)round.LeftBytes));
        Assert.Equal(PreCopyForecastOutcome.GoalMet, forecast.Outcome);
    }

    [Fact]
    public void Slow_convergence_ends_at_the_round_limit()
    {
        PreCopyForecast forecast = PreCopyModel.Predict(Textbook() with { DirtyBytesPerSecond = 127.0 * MiB });

        Assert.Equal(PreCopyForecastOutcome.RoundLimit, forecast.Outcome);
        Assert.Equal(30, forecast.Rounds.Count);
        Assert.True(forecast.Blackout > TimeSpan.FromMilliseconds(500));
    }

    [Fact]
    public void Idle_guest_takes_one_round_and_the_fixed_part()
    {
        PreCopyForecast forecast = PreCopyModel.Predict(
            Textbook() with { DirtyBytesPerSecond = 0, Fixed = TimeSpan.FromMilliseconds(3), RefineRounds = 4 });

        Assert.Single(forecast.Rounds);
        Assert.Equal(0, forecast.LastPassBytes);
        Assert.Equal(TimeSpan.FromMilliseconds(3), forecast.Blackout);
    }

    [Fact]
    public void Refining_goes_on_while_it_pays()
    {
        PreCopyModelInput input = Textbook() with { Fixed = TimeSpan.FromMilliseconds(5), RefineRounds = 10 };

        PreCopyForecast forecast = PreCopyModel.Predict(input);

        // 250, 62.5, 15.6 and 3.9 ms of pages beside 5 ms: the next round saves 2.9 of 8.9 ms, one more 0.7 of 6.
        Assert.Equal([512, 128, 32, 8, 2, 0.5, 0.125], forecast.Rounds.Select(round => round.LeftBytes / (double)MiB));
        Assert.Equal(4, PreCopyModel.Predict(input with { RefineRounds = 1 }).Rounds.Count);
    }

    [Fact]
    public void Huge_numbers_saturate()
    {
        PreCopyForecast forecast = PreCopyModel.Predict(new PreCopyModelInput
        {
            MemoryBytes = long.MaxValue,
            BandwidthBytesPerSecond = 1e-9,
            DirtyBytesPerSecond = 1e30,
            Fixed = TimeSpan.FromSeconds(1),
            Goal = TimeSpan.FromSeconds(2),
        });

        Assert.Equal(PreCopyForecastOutcome.Stalled, forecast.Outcome);
        Assert.Equal(TimeSpan.MaxValue, forecast.Blackout);
        Assert.Equal(TimeSpan.MaxValue, forecast.Total);
    }

    [Fact]
    public void Input_out_of_range_is_named()
    {
        Assert.Equal("MemoryBytes", Refused(Textbook() with { MemoryBytes = 0 }));
        Assert.Equal("BandwidthBytesPerSecond", Refused(Textbook() with { BandwidthBytesPerSecond = 0 }));
        Assert.Equal("BandwidthBytesPerSecond", Refused(Textbook() with { BandwidthBytesPerSecond = double.NaN }));
        Assert.Equal("DirtyBytesPerSecond", Refused(Textbook() with { DirtyBytesPerSecond = -1 }));
        Assert.Equal("WorkingSetBytes", Refused(Textbook() with { WorkingSetBytes = -1 }));
        Assert.Equal("Goal", Refused(Textbook() with { Goal = TimeSpan.Zero }));
        Assert.Equal("Fixed", Refused(Textbook() with { Fixed = TimeSpan.FromTicks(-1) }));
        Assert.Equal("MaxRounds", Refused(Textbook() with { MaxRounds = 0 }));
    }

    private static string? Refused(PreCopyModelInput input) =>
        Assert.ThrowsAny<ArgumentOutOfRangeException>(() => PreCopyModel.Predict(input)).ParamName;

    private static PreCopyModelInput Textbook() => new()
    {
        MemoryBytes = 2048 * MiB,
        BandwidthBytesPerSecond = 128.0 * MiB,
        DirtyBytesPerSecond = 32.0 * MiB,
    };
}
