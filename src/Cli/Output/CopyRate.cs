using PageEngine.Memory;
using PageEngine.Reporting;

namespace PageEngine.Cli.Output;

// Owns: how fast guest memory is being copied right now, from one glance to the next. Pages count, not wire bytes: a
// round's wire bytes are known when the destination has acknowledged them, and that is too late for a moving picture.

/// <summary>Turns progress into a rate.</summary>
internal sealed class CopyRate
{
    private MigrationProgress? _last;

    /// <summary>Gets guest bytes per second; null until two glances have seen the same round.</summary>
    public double? BytesPerSecond { get; private set; }

    /// <summary>Takes a glance.</summary>
    public void Add(MigrationProgress now)
    {
        if (_last is { } last && last.Round == now.Round && last.RoundPages == now.RoundPages && now.Elapsed > last.Elapsed)
        {
            long pages = last.RoundPagesLeft - now.RoundPagesLeft;
            BytesPerSecond = Math.Max(0, pages) * (double)MemoryLayout.PageBytes / (now.Elapsed - last.Elapsed).TotalSeconds;
        }

        _last = now;
    }
}
