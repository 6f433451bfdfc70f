namespace PageEngine.Simulation;

// Owns: the names of the three processes that take part.

/// <summary>A process that takes part in a simulated migration.</summary>
public enum SimulatedSide
{
    /// <summary>Not a side.</summary>
    None = 0,

    /// <summary>The host that the guest leaves.</summary>
    Source = 1,

    /// <summary>The host that the guest goes to.</summary>
    Destination = 2,

    /// <summary>The ownership store.</summary>
    Store = 3,
}
