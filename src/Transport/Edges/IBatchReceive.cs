using System.Net.Sockets;
using PageEngine.Streaming;

namespace PageEngine.Transport.Edges;

// Owns: the seam between the receiving thread of a page stream and the form in which batches come in.

/// <summary>Receives batches from a blocking socket. One thread.</summary>
internal interface IBatchReceive : IDisposable
{
    /// <summary>Receives what one call gives, and advances the writer over it.</summary>
    /// <param name="socket">A blocking socket.</param>
    /// <param name="writer">Says where the bytes belong.</param>
    /// <param name="errno">The error number when the result is negative.</param>
    /// <returns>How many bytes; 0: the other end closed.</returns>
    /// <exception cref="MigrationException">The bytes break the protocol.</exception>
    int Receive(SafeSocketHandle socket, PageBatchWriter writer, out int errno);
}
