using System.Net.Sockets;
using System.Runtime.InteropServices;
using PageEngine.Transport.Interop;

namespace PageEngine.Transport.Edges;

// Owns: waiting for a socket that somebody made non-blocking or gave a timeout: then the kernel asks to come again.

internal static unsafe class SocketWait
{
    /// <summary>Waits until the socket can be read or written, or is shut down.</summary>
    /// <returns>False when waiting itself failed.</returns>
    internal static bool For(SafeSocketHandle socket, short events)
    {
        bool held = false;
        try
        {
            socket.DangerousAddRef(ref held);
            var wait = new Libc.pollfd { fd = (int)socket.DangerousGetHandle(), events = events };

            // SAFETY: one pollfd on this thread's stack, and the descriptor is held.
            return Libc.poll(&wait, 1, -1) >= 0 || Marshal.GetLastPInvokeError() == Libc.EINTR;
        }
        finally
        {
            if (held)
            {
                socket.DangerousRelease();
            }
        }
    }
}
