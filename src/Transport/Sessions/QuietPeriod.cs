using System.Runtime;

namespace PageEngine.Transport.Sessions;

// Owns: the time in which this process collects no garbage: the switchover.

/// <summary>Keeps the garbage collector away while it lasts. If the process collects all the same, or another migration
/// already keeps it away, nothing is lost but time.</summary>
internal sealed class QuietPeriod : IDisposable
{
    /// <summary>What may be allocated meanwhile, in bytes: the device state, its encoding, and the frames.</summary>
    private const long Budget = 48L * 1024 * 1024;

    private bool _mine;

    private QuietPeriod(bool mine) => _mine = mine;

    /// <summary>Begins; may collect once now, which is why it is called before the pause.</summary>
    internal static QuietPeriod Begin()
    {
        try
        {
            return new QuietPeriod(GC.TryStartNoGCRegion(Budget));
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentOutOfRangeException)
        {
            return new QuietPeriod(false);
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
