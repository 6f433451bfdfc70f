using FsCheck;
using FsCheck.Xunit;
using PageEngine.EmbeddedGuest.Running;
using Xunit;

namespace PageEngine.EmbeddedGuest.Tests.Running;

public class PacerTests
{
    private const long Second = 1_000_000_000;

    [Property(MaxTest = 200)]
    public void Operations_follow_the_rate_whatever_the_wake_ups(PositiveInt rawRate, NonEmptyArray<PositiveInt> naps)
    {
        double rate = 50 + (rawRate.Get * 37 % 200_000);
        Pacer pacer = new(rate, Second, 1);
        long start = 12345;
        long now = start;
        pacer.Restart(now);
        long done = 0;
        for (int i = 0; i < 2000; i++)
        {
            int taken;
            while ((taken = pacer.Take(now)) > 0)
            {
                done += taken;
            }

            // Late by up to 40 ms: made up for.
            long nap = naps.Get[i % naps.Get.Length].Get * 1_000_003L % (40_000_000 - 20_000_000);
            now += Math.Max(nap, pacer.TicksToWait());
        }

        double expected = rate * (now - start) / Second;
        Assert.InRange(done, expected - (rate * 0.05) - 1, expected + 1);
        Assert.True(done <= expected + 1);
    }

    [Fact]
    public void The_first_operation_is_due_at_once()
    {
        Pacer pacer = new(500, Second, 1);
        pacer.Restart(1000);
        Assert.Equal(1, pacer.Take(1000));
        Assert.Equal(0, pacer.Take(1000));
        Assert.InRange(pacer.TicksToWait(), 1_999_000, 2_000_001);
    }

    [Fact]
    public void Phases_make_virtual_cpus_take_turns()
    {
        Pacer second = new(500, Second, 0.5);
        second.Restart(0);
        Assert.Equal(0, second.Take(0));
        Assert.InRange(second.TicksToWait(), 999_000, 1_000_001);
        Assert.Equal(1, second.Take(1_000_100));
    }

    [Fact]
    public void Waits_are_neither_too_short_nor_too_long()
    {
        Pacer fast = new(1_000_000, Second, 1);
        fast.Restart(0);
        _ = fast.Take(0);
        Assert.Equal(500_000, fast.TicksToWait());
        Pacer slow = new(1, Second, 1);
        slow.Restart(0);
        _ = slow.Take(0);
        Assert.Equal(20_000_000, slow.TicksToWait());
    }

    [Fact]
    public void A_long_stall_is_not_caught_up()
    {
        Pacer pacer = new(1000, Second, 1);
        pacer.Restart(0);
        long done = 0;
        for (int taken; (taken = pacer.Take(100 * Second)) > 0; done += taken)
        {
        }

        Assert.Equal(51, done);
    }

    [Fact]
    public void A_restart_forgets_the_time_before_it()
    {
        Pacer pacer = new(1000, Second, 1);
        pacer.Restart(0);
        pacer.Restart(Second);
        Assert.Equal(1, pacer.Take(Second));
        Assert.Equal(0, pacer.Take(Second));
    }

    [Fact]
    public void Forfeited_time_gives_no_operations_and_returned_ones_are_due_again()
    {
        Pacer pacer = new(1000, Second, 1);
        pacer.Restart(0);
        pacer.Forfeit(Second);
        Assert.Equal(0, pacer.Take(Second));
        Assert.Equal(10, pacer.Take(Second + 10_500_000));
        pacer.GiveBack(4);
        Assert.Equal(4, pacer.Take(Second + 10_500_000));
    }

    [Fact]
    public void Unthrottled_is_always_due()
    {
        Pacer pacer = new(null, Second, 1);
        pacer.Restart(0);
        for (int i = 0; i < 10; i++)
        {
            Assert.True(pacer.Take(0) > 0);
            pacer.GiveBack(5);
        }
    }
}
