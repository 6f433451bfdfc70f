using PageEngine.EmbeddedGuest.Running;
using Xunit;

namespace PageEngine.EmbeddedGuest.Tests.Running;

public class ThrottleWindowTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(0.2)]
    [InlineData(0.5)]
    [InlineData(0.99)]
    [InlineData(1)]
    public void The_share_of_time_slept_is_the_one_asked_for(double fraction)
    {
        const long Second = 1_000_000_000;
        ThrottleWindow window = default;
        long now = 7 * Second;
        long slept = 0;
        while (now < 8 * Second)
        {
            long sleep = window.TicksToSleep(now, fraction, Second);
            slept += sleep;
            now += sleep == 0 ? 1000 : sleep;
        }

        Assert.InRange((double)slept / (now - (7 * Second)), fraction - 0.01, fraction + 0.01);
    }
}
