using System.Runtime;

namespace PageEngine.Transport.Sessions;

// Owns: the time in which this process collects no garbage: the switchover, and what leads up to it.

/// <summary>Keeps the garbage collector away while it lasts. If the process collects all the same, or another migration
/// already keeps it away, nothing is lost but time.</summary>
/// <remarks>Beginning costs a collection, and the first one in a process finds and touches the memory of the budget: several
/// milliseconds, in which a guest goes on writing. So it is begun ahead, while rounds are still sent. A process that allocates the
/// budget meanwhile ends it by that; <see cref="Begin"/> then begins anew.</remarks>
internal sealed class QuietPeriod : IDisposable
{
    /// <summary>What may be allocated meanwhile, in bytes: the device state, its encoding, and the frames.</summary>
    private const long Budget = 16L * 1024 * 1024;

    private bool _mine;

    /// <summary>Begins, unless it lasts already.</summary>
    internal void Begin()
    {
        if (_mine && GCSettings.LatencyMode == GCLatencyMode.NoGCRegion)
        {
            return;
        }

        try
        {
            _mine = GC.TryStartNoGCRegion(Budget);
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentOutOfRangeException)
        {
            _mine = false;
        }
    }

    public void Dispose()
    {
        if (_mine && GCSettings.LatencyMode == GCLatencyMode.NoGCRegion)
        {
            try
            {
                GC.EndNoGCRegion();
            }
            catch (InvalidOperationException)
            {
                // A collection happened meanwhile and ended the period by itself.
            }
        }

        _mine = false;
    }
}
