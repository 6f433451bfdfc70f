using PageEngine.Compression;

namespace PageEngine.Transport;

// Owns: the list of what all page streams of one migration share at the source.

/// <summary>What the sending streams share.</summary>
/// <param name="Pacer">The bandwidth cap.</param>
internal sealed record PageSending(BandwidthPacer Pacer)
{
    /// <summary>Gets how pages are made smaller; null: they are not.</summary>
    internal PageEncoding? Encoding { get; init; }

    /// <summary>Gets which of the streams carry pages; null: all.</summary>
    internal StreamGate? Gate { get; init; }
}
