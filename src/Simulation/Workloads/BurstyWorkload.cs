using System.Globalization;

namespace PageEngine.Simulation.Workloads;

// Owns: page writes that come in bursts.

/// <summary>Lets another workload write in bursts only.</summary>
/// <param name="inner">What writes.</param>
/// <param name="period">From the start of one burst to that of the next.</param>
/// <param name="share">The share of the period that is burst, 0 to 1.</param>
public sealed class BurstyWorkload(ISimulatedWorkload inner, TimeSpan period, double share) : ISimulatedWorkload
{
    private readonly ISimulatedWorkload _inner = inner ?? throw new ArgumentNullException(nameof(inner));
    private readonly TimeSpan _period = period > TimeSpan.Zero ? period : throw new ArgumentOutOfRangeException(nameof(period));
    private readonly double _share = share is >= 0 and <= 1 ? share : throw new ArgumentOutOfRangeException(nameof(share));

    /// <inheritdoc/>
    public void Write(GuestRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        TimeSpan whole = run.Span;
        run.Span = BurstUntil(run.Elapsed + whole) - BurstUntil(run.Elapsed);
        if (run.Span > TimeSpan.Zero)
        {
            _inner.Write(run);
        }

        run.Span = whole;
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{_inner} for {100 * _share:0} % of every {_period.TotalMilliseconds:0} ms");

    private TimeSpan BurstUntil(TimeSpan at)
    {
        long periods = at.Ticks / _period.Ticks;
        long rest = at.Ticks % _period.Ticks;
        long burst = (long)(_period.Ticks * _share);
        return TimeSpan.FromTicks((periods * burst) + Math.Min(rest, burst));
    }
}
