using System.Diagnostics;
using System.Globalization;

namespace PageEngine.Bench.Paired;

// Owns: the two clocks of one measured process, wall and CPU, and the line it prints at the end.

/// <summary>Wall and CPU time of this process since a moment.</summary>
internal readonly struct Stopwatches
{
    private readonly long _began;
    private readonly TimeSpan _used;

    private Stopwatches(long began, TimeSpan used)
    {
        _began = began;
        _used = used;
    }

    internal static Stopwatches Start() => new(Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);

    /// <summary>Describes what has passed, as the programs in bench/baseline do.</summary>
    internal string Line(long bytes) => string.Create(CultureInfo.InvariantCulture,
        $"bytes={bytes} seconds={Stopwatch.GetElapsedTime(_began).TotalSeconds:0.000000} cpu={(Environment.CpuUsage.TotalTime - _used).TotalSeconds:0.000000}");
}
