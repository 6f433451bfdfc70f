using PageEngine.Memory;
using PageEngine.Streaming;
using PageEngine.Transport.Edges;

namespace PageEngine.Transport;

// Owns: the one schedule that all page streams of a migration share, and the clock it runs on.

/// <summary>Keeps all page streams of a migration together under one bandwidth cap. Safe from any thread.</summary>
internal sealed class BandwidthPacer
{
    /// <summary>How long a batch may occupy a capped link: short, so that the flow is smooth.</summary>
    private const int BatchMilliseconds = 5;

    private const int MinBatchPages = 4;

    private readonly Lock _lock = new();
    private PacingSchedule _schedule;

    /// <param name="bytesPerSecond">The cap; 0: none.</param>
    /// <param name="time">The clock.</param>
    internal BandwidthPacer(long bytesPerSecond, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytesPerSecond);
        Time = time;
        BytesPerSecond = bytesPerSecond;
        MaxBatchPages = PageBatchLimits.MaxPagesPerBatch;
        if (bytesPerSecond > 0)
        {
            long pages = bytesPerSecond / (1000 / BatchMilliseconds) / MemoryLayout.PageBytes;
            MaxBatchPages = (int)Math.Clamp(pages, MinBatchPages, PageBatchLimits.MaxPagesPerBatch);
            _schedule = new PacingSchedule(bytesPerSecond, time.TimestampFrequency, time.GetTimestamp());
        }
    }

    /// <summary>Gets the clock.</summary>
    internal TimeProvider Time { get; }

    /// <summary>Gets the cap; 0: none.</summary>
    internal long BytesPerSecond { get; }

    /// <summary>Gets how many pages with bytes a batch may have.</summary>
    internal int MaxBatchPages { get; init; }

    /// <summary>Reserves the link for bytes that are about to be sent.</summary>
    /// <returns>How long to wait before sending them; zero: send now.</returns>
    internal TimeSpan Reserve(long bytes)
    {
        if (BytesPerSecond == 0)
        {
            return TimeSpan.Zero;
        }

        lock (_lock)
        {
            return _schedule.Reserve(bytes, Time.GetTimestamp());
        }
    }
}
