using PageEngine.Streaming;

namespace PageEngine.Transport.Edges;

// Owns: the words for the place at which a page stream broke off.

internal static class StreamEnd
{
    internal static string Describe(PageBatchWriter writer, int stream) => writer.IsBetweenBatches
        ? $"before the end of page stream {stream}"
        : $"in the middle of a batch of page stream {stream}";
}
