using System.Net.Sockets;
using System.Runtime.InteropServices;
using PageEngine.Streaming;
using PageEngine.Transport.Interop;

namespace PageEngine.Transport.Edges;

// Owns: the vectors of one receiving thread, and the way bytes come in where they belong.

/// <summary>Receives from a blocking socket. One thread.</summary>
internal sealed unsafe class ScatterReceive : IBatchReceive
{
    private IoVector* _vectors = (IoVector*)NativeMemory.Alloc(IoVector.MaxPerCall, (nuint)sizeof(IoVector));

    /// <inheritdoc/>
    /// <remarks>As much of what the writer expects next as one call gives: mostly all of it.</remarks>
    public int Receive(SafeSocketHandle socket, PageBatchWriter writer, out int errno)
    {
        int count = writer.GetVectors(_vectors, IoVector.MaxPerCall);
        int received = Receive(socket, _vectors, count, Libc.MSG_WAITALL, out errno);
        if (received > 0)
        {
            writer.Advance(received);
        }

        return received;
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
