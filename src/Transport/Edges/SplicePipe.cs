using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using PageEngine.Streaming;
using PageEngine.Transport.Interop;

namespace PageEngine.Transport.Edges;

// Owns: the kernel's pipe through which references to pages go into a socket. Empty between two calls.

/// <summary>Hands pages to a socket without copying them. One thread.</summary>
internal sealed unsafe class SplicePipe : IDisposable
{
    private const int Bytes = 1 << 20; // what everybody may have (fs.pipe-max-size)

    private readonly SafeFileHandle _readEnd;
    private readonly SafeFileHandle _writeEnd;

    private SplicePipe(SafeFileHandle readEnd, SafeFileHandle writeEnd)
    {
        _readEnd = readEnd;
        _writeEnd = writeEnd;
    }

    /// <summary>Makes a pipe; null where the process may have no more of them.</summary>
    internal static SplicePipe? TryOpen()
    {
        int* ends = stackalloc int[2];

        // SAFETY: the kernel writes two numbers.
        if (Libc.pipe2(ends, Libc.O_CLOEXEC) != 0)
        {
            return null;
        }

        var pipe = new SplicePipe(new SafeFileHandle(ends[0], ownsHandle: true), new SafeFileHandle(ends[1], ownsHandle: true));
        _ = Libc.fcntl(pipe._writeEnd, Libc.F_SETPIPE_SZ, Bytes); // a smaller one works, too
        return pipe;
    }

    /// <summary>Sends what vectors describe by reference, and uses up those that it sent.</summary>
    /// <param name="socket">A blocking socket.</param>
    /// <param name="vectors">Whole pages.</param>
    /// <param name="count">How many; afterwards, how many are left because the kernel takes no references to that memory.</param>
    /// <returns>0, or the error number of the socket.</returns>
    internal int Send(SafeSocketHandle socket, ref IoVector* vectors, ref int count)
    {
        while (count > 0)
        {
            // SAFETY: vectors[0..count] are the caller's; the pages stay mapped, and the kernel holds them until they are sent.
            nint taken = Libc.vmsplice(_writeEnd, vectors, (nuint)count, Libc.SPLICE_F_NONBLOCK);
            if (taken < 0)
            {
                if (Marshal.GetLastPInvokeError() == Libc.EINTR)
                {
                    continue;
                }

                return 0;
            }

            int errno = Drain(socket, taken, more: (nuint)taken < vectors->Bytes || count > 1);
            if (errno != 0)
            {
                return errno;
            }

            while (count > 0 && (nuint)taken >= vectors->Bytes)
            {
                taken -= (nint)vectors->Bytes;
                vectors++;
                count--;
            }

            if (taken > 0)
            {
                vectors->Start += taken;
                vectors->Bytes -= (nuint)taken;
            }
        }

        return 0;
    }

    public void Dispose()
    {
        _readEnd.Dispose();
        _writeEnd.Dispose();
    }

    private int Drain(SafeSocketHandle socket, nint bytes, bool more)
    {
        while (bytes > 0)
        {
            // SAFETY: no offsets; nothing of this process is read or written.
            nint sent = Libc.splice(_readEnd, null, socket, null, (nuint)bytes, Libc.SPLICE_F_MOVE | (more ? Libc.SPLICE_F_MORE : 0u));
            if (sent > 0)
            {
                bytes -= sent;
                continue;
            }

            int errno = sent == 0 ? Libc.EPIPE : Marshal.GetLastPInvokeError();
            if (errno != Libc.EINTR && !(errno == Libc.EAGAIN && SocketWait.For(socket, Libc.POLLOUT)))
            {
                return errno;
            }
        }

        return 0;
    }
}
