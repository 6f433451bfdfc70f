using PageEngine.Memory;
using PageEngine.Planning;
using Xunit;

namespace PageEngine.Tests.Planning;

public sealed class PerPageModelTests
{
    private const long Pages = 1 << 16;
    private const double Bandwidth = 64.0 * (1 << 20);

    [Fact]
    public void Uniform_guest_that_seldom_writes_follows_the_geometric_forecast()
    {
        PageClass[] classes = [new(Pages, 0.002)];
        PreCopyForecast forecast = Forecast(dirtyPagesPerSecond: Pages * 0.002, workingSet: null);

        double toSend = Pages;
        foreach (PreCopyForecastRound round in forecast.Rounds)
        {
            toSend = PerPageGuest.ExpectedDirty(classes, toSend * MemoryLayout.PageBytes / Bandwidth);
            Assert.Equal(toSend, round.LeftBytes / (double)MemoryLayout.PageBytes, tolerance: (0.01 * toSend) + 1);
        }
    }

    [Fact]
    public void Hot_set_saturates_where_the_working_set_forecast_does()
    {
        PageClass[] classes = [new(8192, 50), new(Pages - 8192, 0)];
        PreCopyForecast forecast = Forecast(dirtyPagesPerSecond: 8192 * 50, workingSet: 8192L * MemoryLayout.PageBytes);

        double toSend = Pages;
        foreach (PreCopyForecastRound round in forecast.Rounds)
        {
            double left = PerPageGuest.ExpectedDirty(classes, toSend * MemoryLayout.PageBytes / Bandwidth);
            Assert.InRange(left, 0.98 * 8192, round.LeftBytes / (double)MemoryLayout.PageBytes);
            toSend = left;
        }

        Assert.Equal(PreCopyForecastOutcome.Stalled, forecast.Outcome);
    }

    [Fact]
    public void Forecast_never_expects_fewer_pages_than_independent_writes_leave()
    {
        PageClass[] classes = [new(4096, 3), new(Pages - 4096, 0.05)];
        double dirtyPagesPerSecond = classes.Sum(pages => pages.Pages * pages.WritesPerSecond);
        PreCopyForecast forecast = Forecast(dirtyPagesPerSecond, workingSet: null);

        double toSend = Pages;
        foreach (PreCopyForecastRound round in forecast.Rounds)
        {
            toSend = PerPageGuest.ExpectedDirty(classes, toSend * MemoryLayout.PageBytes / Bandwidth);
            Assert.True(toSend <= (round.LeftBytes / (double)MemoryLayout.PageBytes) + 1);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Planner_ends_where_the_expectation_says(int seed)
    {
        // Hot: 2048 pages written 20 times a second; the rest every 50 s. About 0.17 s of pages stay hot whatever is done.
        PageClass[] classes = [new(2048, 20), new(Pages - 2048, 0.02)];
        var random = new Random(seed);
        var guest = new SimulatedMigration
        {
            GuestPages = Pages,
            Bandwidth = _ => Bandwidth,
            Dirty = (_, seconds) => PerPageGuest.DrawDirty(classes, seconds, random),
            HeaderBytes = 0,
        };

        List<SimulatedStep> steps = PreCopySimulation.Run(guest, new SwitchoverTimeGoalPolicy());

        double toSend = Pages;
        foreach (SimulatedStep step in steps)
        {
            toSend = PerPageGuest.ExpectedDirty(classes, toSend * MemoryLayout.PageBytes / Bandwidth);
            Assert.Equal(toSend, step.State.RemainingPages, tolerance: (0.1 * toSend) + 50);
        }

        Assert.Equal((DecisionKind.SwitchOver, false), (steps[^1].Decision.Kind, steps[^1].Decision.Forced));
    }

    private static PreCopyForecast Forecast(double dirtyPagesPerSecond, long? workingSet) => PreCopyModel.Predict(new PreCopyModelInput
    {
        MemoryBytes = Pages * MemoryLayout.PageBytes,
        BandwidthBytesPerSecond = Bandwidth,
        DirtyBytesPerSecond = dirtyPagesPerSecond * MemoryLayout.PageBytes,
        WorkingSetBytes = workingSet,
        Goal = TimeSpan.FromMilliseconds(5),
    });
}
