using FsCheck.Xunit;
using Microsoft.Extensions.Time.Testing;
using PageEngine.Streaming;
using PageEngine.Transport.Edges;
using Xunit;

namespace PageEngine.Transport.Tests.Edges;

public class PacingScheduleTests
{
    private const long Frequency = 1_000_000_000;

    // Senders that wait as long as they are told, and wake late.
    [Property(MaxTest = 60)]
    public void Rate_is_exact_and_smooth(int seed)
    {
        var random = new Random(seed);
        long rate = (long)Math.Pow(10, 6 + (random.NextDouble() * 4));
        double lateness = random.NextDouble() * 0.010;
        int batch = (int)Math.Clamp(rate / 200, 4 * 4096, 4 << 20);
        var schedule = new PacingSchedule(rate, Frequency, now: 12_345);
        long[] clocks = new long[random.Next(1, 5)];
        Array.Fill(clocks, 12_345);
        var sent = new List<(long At, long Bytes)>();
        while (clocks.Min() < 4 * Frequency)
        {
            int sender = Array.IndexOf(clocks, clocks.Min());
            int bytes = random.Next(batch / 2, batch + 1);
            TimeSpan wait = schedule.Reserve(bytes, clocks[sender]);
            if (wait > TimeSpan.Zero)
            {
                clocks[sender] += (long)((wait.TotalSeconds + (random.NextDouble() * lateness)) * Frequency);
            }

            sent.Add((clocks[sender], bytes));
            clocks[sender] += random.Next(2000);
        }

        // Exact: from the first byte to the last one.
        double seconds = (double)(sent.Max(s => s.At) - 12_345) / Frequency;
        Assert.InRange(sent.Sum(s => s.Bytes) / seconds / rate, 0.98, 1.02);

        // Smooth: no 20 ms carry more than 20 ms' worth, what the bucket holds, and the batches at the window's edges.
        (long At, long Bytes)[] ordered = [.. sent.OrderBy(s => s.At)];
        double most = (rate * (0.020 + PacingSchedule.Depth.TotalSeconds + lateness)) + (batch * (clocks.Length + 1));
        long inWindow = 0;
        int first = 0;
        foreach ((long at, long bytes) in ordered)
        {
            inWindow += bytes;
            while (ordered[first].At < at - (Frequency / 50))
            {
                inWindow -= ordered[first++].Bytes;
            }

            Assert.True(inWindow <= most, $"{inWindow} bytes in 20 ms at {rate} bytes/s");
        }
    }

    [Fact]
    public void Pause_is_made_up_for_only_up_to_the_depth()
    {
        var schedule = new PacingSchedule(1_000_000, Frequency, now: 0);
        Assert.Equal(TimeSpan.Zero, schedule.Reserve(1000, 0));
        Assert.Equal(TimeSpan.FromMilliseconds(1), schedule.Reserve(1000, 0));
        long later = 10 * Frequency;
        long free = 0;
        while (schedule.Reserve(1000, later) == TimeSpan.Zero)
        {
            free++;
        }

        Assert.Equal(16, free); // 15 ms of catching up, and the one that is due now
    }

    [Fact]
    public void Odd_sizes_lose_nothing_to_rounding()
    {
        var schedule = new PacingSchedule(3, frequency: 10, now: 0);
        TimeSpan wait = default;
        for (int i = 0; i <= 300; i++)
        {
            wait = schedule.Reserve(1, 0);
        }

        Assert.Equal(100, wait.TotalSeconds, precision: 6);
    }

    [Fact]
    public void Pacer_without_a_cap_asks_no_clock()
    {
        var pacer = new BandwidthPacer(0, new NoClock());
        Assert.Equal(TimeSpan.Zero, pacer.Reserve(long.MaxValue));
        Assert.Equal(PageBatchLimits.MaxPagesPerBatch, pacer.MaxBatchPages);
    }

    [Fact]
    public void Pacer_keeps_all_streams_under_one_cap()
    {
        var time = new FakeTimeProvider();
        var pacer = new BandwidthPacer(125_000_000, time);
        Assert.Equal(152, pacer.MaxBatchPages); // 5 ms of 1 Gbit/s
        Assert.Equal(TimeSpan.Zero, pacer.Reserve(1_250_000));
        Assert.Equal(TimeSpan.FromMilliseconds(10), pacer.Reserve(1_250_000));
        time.Advance(TimeSpan.FromMilliseconds(15));
        Assert.Equal(TimeSpan.FromMilliseconds(5), pacer.Reserve(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new BandwidthPacer(-1, time));
    }

    private sealed class NoClock : TimeProvider
    {
        public override long GetTimestamp() => throw new InvalidOperationException("nobody should ask");
    }
}
