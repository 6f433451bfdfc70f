namespace PageEngine.Transport;

// Owns: the codes of what a connection is for.

/// <summary>What a connection carries.</summary>
public enum ConnectionPurpose
{
    /// <summary>Not a valid purpose.</summary>
    None = 0,

    /// <summary>Control frames.</summary>
    Control = 1,

    /// <summary>Page batches.</summary>
    Pages = 2,

    /// <summary>What a measurement is led by (<see cref="Measuring.LinkBenchmark"/>).</summary>
    Measurement = 3,
}
