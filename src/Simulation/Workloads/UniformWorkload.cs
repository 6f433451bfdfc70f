using System.Globalization;

namespace PageEngine.Simulation.Workloads;

// Owns: page writes that hit every page of a set alike.

/// <summary>Writes pages of a set, each as likely as the others: after w writes to a set of W pages,
/// W (1 - e^(-w/W)) different ones are dirty.</summary>
/// <param name="bytesPerSecond">Bytes per second of page writes, repeated ones included; 0 for none.</param>
/// <param name="setBytes">The size of the set, from the guest's first page on; null for the whole guest.</param>
public sealed class UniformWorkload(double bytesPerSecond, long? setBytes = null) : ISimulatedWorkload
{
    // Drawing more than this for each page only says again that all are dirty.
    private const int EnoughWritesPerPage = 12;

    private readonly double _rate = bytesPerSecond >= 0 && double.IsFinite(bytesPerSecond)
        ? bytesPerSecond
        : throw new ArgumentOutOfRangeException(nameof(bytesPerSecond), bytesPerSecond, "0 or a finite rate above it.");

    private readonly long? _setBytes = setBytes is null or > 0 ? setBytes : throw new ArgumentOutOfRangeException(nameof(setBytes));

    /// <inheritdoc/>
    public void Write(GuestRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        int set = _setBytes is { } bytes ? (int)Math.Clamp(bytes / Memory.MemoryLayout.PageBytes, 1, run.Pages) : run.Pages;
        long writes = run.WritesAt(_rate);
        if (writes > (long)set * EnoughWritesPerPage)
        {
            for (int page = 0; page < set; page++)
            {
                run.Write(page);
            }

            return;
        }

        for (long i = 0; i < writes; i++)
        {
            run.Write(run.Draw(set));
        }
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"uniform {_rate:0} bytes/s over {(_setBytes is { } set ? $"{set} bytes" : "all")}");
}
