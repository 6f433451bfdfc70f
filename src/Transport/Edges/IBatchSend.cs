using System.Buffers;
using System.Net.Sockets;

namespace PageEngine.Transport.Edges;

// Owns: the seam between the sending thread of a page stream and the form in which batches go out.

/// <summary>Sends batches over a blocking socket. One thread.</summary>
internal interface IBatchSend : IDisposable
{
    /// <summary>Sends all of a sequence.</summary>
    /// <param name="socket">A blocking socket.</param>
    /// <param name="bytes">Memory outside the heap: its addresses go to the kernel as they are.</param>
    /// <param name="mayArriveLater">Whether pages may arrive as they are later than now. False: as they are now.</param>
    /// <returns>0, or the error number.</returns>
    int Send(SafeSocketHandle socket, in ReadOnlySequence<byte> bytes, bool mayArriveLater);
}
