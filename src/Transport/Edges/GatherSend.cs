using System.Buffers;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using PageEngine.Streaming;
using PageEngine.Transport.Interop;

namespace PageEngine.Transport.Edges;

// Owns: the vectors of one sending thread, and the way a sequence goes out in as few system calls as possible.

/// <summary>Sends sequences over a blocking socket. One thread.</summary>
internal sealed unsafe class GatherSend : IBatchSend
{
    private IoVector* _vectors = (IoVector*)NativeMemory.Alloc(IoVector.MaxPerCall, (nuint)sizeof(IoVector));

    /// <inheritdoc/>
    public int Send(SafeSocketHandle socket, in ReadOnlySequence<byte> bytes, bool mayArriveLater)
    {
        int count = 0;
        foreach (ReadOnlyMemory<byte> segment in bytes)
        {
            // SAFETY: the segments of a page batch are native memory that the batch's reader holds mapped.
            ReadOnlySpan<byte> span = segment.Span;
            _vectors[count++] = new IoVector
            {
                Start = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(span)),
                Bytes = (nuint)span.Length,
            };
            if (count == IoVector.MaxPerCall)
            {
                int errno = Send(socket, _vectors, count);
                if (errno != 0)
                {
                    return errno;
                }

                count = 0;
            }
        }

        return count == 0 ? 0 : Send(socket, _vectors, count);
    }

    /// <summary>Sends all that vectors describe, which are used up by it.</summary>
    /// <param name="socket">A blocking socket.</param>
    /// <param name="vectors">What to send.</param>
    /// <param name="count">How many pieces.</param>
    /// <param name="flags">MSG_MORE where more follows at once.</param>
    /// <returns>0, or the error number.</returns>
    internal static int Send(SafeSocketHandle socket, IoVector* vectors, int count, int flags = 0)
    {
        // SAFETY: vectors[0..count] are the caller's; the kernel reads what they describe and writes nothing.
        while (count > 0)
        {
            Libc.msghdr message = new() { msg_iov = vectors, msg_iovlen = (nuint)count };
            nint sent = Libc.sendmsg(socket, &message, Libc.MSG_NOSIGNAL | flags);
            if (sent < 0)
            {
                int errno = Marshal.GetLastPInvokeError();
                if (errno == Libc.EINTR || (errno == Libc.EAGAIN && SocketWait.For(socket, Libc.POLLOUT)))
                {
                    continue;
                }

                return errno;
            }

            // A signal in the middle of a send (the runtime uses them) leaves the rest for the next call.
            while (count > 0 && (nuint)sent >= vectors->Bytes)
            {
                sent -= (nint)vectors->Bytes;
                vectors++;
                count--;
            }

            if (sent > 0)
            {
                vectors->Start += sent;
                vectors->Bytes -= (nuint)sent;
            }
        }

        return 0;
    }

    public void Dispose()
    {
        NativeMemory.Free(_vectors);
        _vectors = null;
    }
}
