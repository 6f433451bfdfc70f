using System.Net.Sockets;
using System.Runtime.InteropServices;
using PageEngine.Streaming;
using PageEngine.Transport.Interop;

namespace PageEngine.Transport.Edges;

// Owns: the vectors of one receiving thread, and the way bytes come in where they belong.

/// <summary>Receives from a blocking socket. One thread.</summary>
internal sealed unsafe class ScatterReceive : IDisposable
{
    private IoVector* _vectors = (IoVector*)NativeMemory.Alloc(IoVector.MaxPerCall, (nuint)sizeof(IoVector));

    /// <summary>Receives as much of what the writer expects next as one call gives: mostly all of it.</summary>
    /// <param name="socket">A blocking socket.</param>
    /// <param name="writer">Says where the bytes belong; the caller advances it.</param>
    /// <param name="errno">The error number when the result is negative.</param>
    /// <returns>How many bytes; 0: the other end closed.</returns>
    internal int Receive(SafeSocketHandle socket, PageBatchWriter writer, out int errno)
    {
        int count = writer.GetVectors(_vectors, IoVector.MaxPerCall);
        return Receive(socket, _vectors, count, Libc.MSG_WAITALL, out errno);
    }

    /// <summary>Receives into vectors.</summary>
    /// <param name="flags">MSG_WAITALL: until they are full, unless something interrupts; 0: what there is.</param>
    internal static int Receive(SafeSocketHandle socket, IoVector* vectors, int count, int flags, out int errno)
    {
        errno = 0;
        while (true)
        {
            // SAFETY: the vectors are the caller's and describe memory that he holds; a batch has at most 4 MiB.
            Libc.msghdr message = new() { msg_iov = vectors, msg_iovlen = (nuint)count };
            nint received = Libc.recvmsg(socket, &message, flags);
            if (received >= 0)
            {
                return (int)received;
            }

            errno = Marshal.GetLastPInvokeError();
            if (errno != Libc.EINTR && !(errno == Libc.EAGAIN && SocketWait.For(socket, Libc.POLLIN)))
            {
                return -1;
            }
        }
    }

    public void Dispose()
    {
        NativeMemory.Free(_vectors);
        _vectors = null;
    }
}
