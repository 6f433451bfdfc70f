using PageEngine.Ownership;

namespace PageEngine.Simulation.Running;

// Owns: one copy of the guest's memory on one host: the version of each page that it has.

internal sealed class GuestCopy(string name, RunId run, uint[] versions)
{
    public string Name { get; } = name;

    public RunId Run { get; } = run;

    /// <summary>Gets the versions, the device state's behind the pages'; null once the memory is gone.</summary>
    public uint[]? Versions { get; private set; } = versions;

    public bool IsHere => Versions is not null;

    /// <summary>Gets or sets whether every page was offered, and the device state loaded.</summary>
    public bool IsComplete { get; set; }

    public bool IsActive { get; set; }

    public bool HasRun { get; set; }

    public ulong Epoch { get; set; }

    /// <summary>Gets or sets whether the record decided against this copy.</summary>
    public bool IsDecidedAgainst { get; set; }

    public TimeSpan RanUntil { get; set; }

    public void Drop()
    {
        Versions = null;
        IsComplete = false;
        IsActive = false;
    }
}
