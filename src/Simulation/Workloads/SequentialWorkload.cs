using System.Globalization;

namespace PageEngine.Simulation.Workloads;

// Owns: page writes one after the other.

/// <summary>Writes one page after the other, then from the first again: the worst case, no write hits a dirty page.</summary>
/// <param name="bytesPerSecond">Bytes per second of page writes; 0 for none.</param>
public sealed class SequentialWorkload(double bytesPerSecond) : ISimulatedWorkload
{
    private readonly double _rate = bytesPerSecond >= 0 && double.IsFinite(bytesPerSecond)
        ? bytesPerSecond
        : throw new ArgumentOutOfRangeException(nameof(bytesPerSecond), bytesPerSecond, "0 or a finite rate above it.");

    /// <inheritdoc/>
    public void Write(GuestRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        long writes = Math.Min(run.WritesAt(_rate), 2L * run.Pages);
        for (long i = 0; i < writes; i++)
        {
            run.Write((int)(run.NextNumber() % run.Pages));
        }
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"sequential {_rate:0} bytes/s");
}
