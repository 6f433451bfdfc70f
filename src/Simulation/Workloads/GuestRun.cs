using PageEngine.Memory;
using PageEngine.Simulation.Running;

namespace PageEngine.Simulation.Workloads;

// Owns: a workload's view of a span of the guest's time. Used within one call, by one thread.

/// <summary>A span of time in which the guest runs, and its pages.</summary>
public sealed class GuestRun
{
    private readonly GuestPages _pages;
    private SimulationRandom _random;
    private double _fraction;
    private long _cursor;

    internal GuestRun(GuestPages pages, ulong seed)
    {
        _pages = pages;
        _random = new SimulationRandom(seed);
    }

    /// <summary>Gets the number of pages.</summary>
    public int Pages => _pages.Count;

    /// <summary>Gets how long the guest has run before this span.</summary>
    public TimeSpan Elapsed { get; internal set; }

    /// <summary>Gets the guest's own time in the span: a guest that is slowed to half has half of it.</summary>
    public TimeSpan Span { get; internal set; }

    internal GuestCopy? Copy { get; set; }

    /// <summary>Writes a page.</summary>
    /// <param name="page">From 0.</param>
    public void Write(int page)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)page, (uint)Pages, nameof(page));
        _pages.Write(Copy!, page);
    }

    /// <summary>Draws a number from 0 to one below <paramref name="limit"/>.</summary>
    public int Draw(int limit)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return _random.Below(limit);
    }

    /// <summary>Says how many page writes a rate comes to in this span. What is left of a page counts in the next one.</summary>
    /// <param name="bytesPerSecond">Bytes per second of page writes, each of <see cref="MemoryLayout.PageBytes"/>.</param>
    public long WritesAt(double bytesPerSecond)
    {
        double due = (bytesPerSecond / MemoryLayout.PageBytes * Span.TotalSeconds) + _fraction;
        long whole = (long)Math.Min(due, long.MaxValue / 2);
        _fraction = due - whole;
        return whole;
    }

    /// <summary>Takes the next number of a count that goes on from span to span.</summary>
    public long NextNumber() => _cursor++;
}
