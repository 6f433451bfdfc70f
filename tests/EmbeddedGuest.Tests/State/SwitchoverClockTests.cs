using PageEngine.EmbeddedGuest.State;
using Xunit;

namespace PageEngine.EmbeddedGuest.Tests.State;

public class SwitchoverClockTests
{
    private static readonly DateTimeOffset _noon = new(2024, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Ticks_of_one_clock_become_those_of_another_without_loss()
    {
        var random = new Random(3);
        for (int i = 0; i < 10_000; i++)
        {
            long value = random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(64);
            long multiplier = random.NextInt64(1, 1_000_000_001);
            long divisor = random.NextInt64(1, long.MaxValue) >> random.Next(62);
            Int128 exact = (Int128)value * multiplier / Math.Max(1, divisor);
            Assert.Equal((long)Int128.Clamp(exact, long.MinValue, long.MaxValue), SwitchoverClock.Scale(value, multiplier, Math.Max(1, divisor)));
        }
    }

    [Fact]
    public void Within_one_boot_the_monotonic_clock_decides()
    {
        Guid boot = Guid.NewGuid();
        SwitchoverClock clock = SwitchoverClock.Of(Source(boot, 1000), boot, 999_000, _noon.AddDays(3), 1000);
        Assert.True(clock.SameClock);
        Assert.Equal(TimeSpan.FromMilliseconds(7), clock.Between(49_995, 50_002));
    }

    [Fact]
    public void Between_hosts_the_wall_clocks_decide()
    {
        // Saved at noon, 5 ticks of 1 ms after the operation; loaded 40 ms later, the operation 30 ticks of 0.1 ms on.
        SwitchoverClock clock = SwitchoverClock.Of(Source(Guid.NewGuid(), 1000), Guid.NewGuid(), 777_000, _noon.AddMilliseconds(40), 10_000);
        Assert.False(clock.SameClock);
        Assert.Equal(TimeSpan.FromMilliseconds(48), clock.Between(49_995, 777_030));
    }

    [Fact]
    public void Unknown_boots_are_not_the_same_boot() =>
        Assert.False(SwitchoverClock.Of(Source(Guid.Empty, 1000), Guid.Empty, 0, _noon, 1000).SameClock);

    [Fact]
    public void Clocks_that_disagree_give_no_negative_time()
    {
        SwitchoverClock clock = SwitchoverClock.Of(Source(Guid.NewGuid(), 1000), Guid.NewGuid(), 0, _noon.AddHours(-1), 1000);
        Assert.Equal(TimeSpan.Zero, clock.Between(49_995, 1));
    }

    private static GuestState Source(Guid boot, long frequency) => new(default, 1, boot, frequency, 50_000, _noon, []);
}
