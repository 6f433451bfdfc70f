using PageEngine.Memory;
using PageEngine.Simulation.Workloads;

namespace PageEngine.Simulation;

// Owns: what the simulated guest is. Immutable.

/// <summary>The guest: pages with versions, and what writes them.</summary>
public sealed record SimulatedGuest
{
    /// <summary>The most pages: a version of each is kept for every copy.</summary>
    public const int MaxPages = 1 << 24;

    /// <summary>Gets the number of pages of <see cref="MemoryLayout.PageBytes"/> bytes; 1 to <see cref="MaxPages"/>.</summary>
    public int Pages { get; init; } = 64;

    /// <summary>Gets how many of them are zero until the guest writes them; they cross the link as a mark.</summary>
    public int ZeroPages { get; init; }

    /// <summary>Gets what writes pages while the guest runs.</summary>
    public ISimulatedWorkload Workload { get; init; } = new UniformWorkload(4 << 20);

    /// <summary>Gets whether the guest can be slowed down.</summary>
    public bool CanBeThrottled { get; init; }

    internal void Validate()
    {
        if (Pages is < 1 or > MaxPages)
        {
            throw new ArgumentOutOfRangeException(nameof(Pages), Pages, $"1 to {MaxPages} pages are allowed.");
        }

        if (ZeroPages < 0 || ZeroPages > Pages)
        {
            throw new ArgumentOutOfRangeException(nameof(ZeroPages), ZeroPages, "0 to the number of pages is allowed.");
        }

        ArgumentNullException.ThrowIfNull(Workload);
    }
}
