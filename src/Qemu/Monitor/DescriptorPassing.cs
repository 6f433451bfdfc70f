using System.Net.Sockets;
using System.Runtime.InteropServices;
using PageEngine.Qemu.Interop;

namespace PageEngine.Qemu.Monitor;

// Owns: the one way to give another process a descriptor together with bytes, which no library type offers.

internal static unsafe class DescriptorPassing
{
    private const int WaitMilliseconds = 5000;

    /// <summary>Sends bytes and, with the first of them, a descriptor.</summary>
    /// <returns>How many bytes were sent: at least one.</returns>
    /// <exception cref="SocketException">The socket is gone, or its peer reads nothing for seconds.</exception>
    internal static int Send(SafeHandle socket, ReadOnlySpan<byte> bytes, SafeHandle descriptor)
    {
        bool held = false;
        try
        {
            descriptor.DangerousAddRef(ref held);
            Libc.cmsg_descriptor control = new()
            {
                cmsg_len = (nuint)(sizeof(Libc.cmsg_descriptor) - sizeof(int)),
                cmsg_level = Libc.SOL_SOCKET,
                cmsg_type = Libc.SCM_RIGHTS,
                descriptor = (int)descriptor.DangerousGetHandle(),
            };
            fixed (byte* first = bytes)
            {
                Libc.iovec vector = new() { iov_base = first, iov_len = (nuint)bytes.Length };
                Libc.msghdr message = new()
                {
                    msg_iov = &vector,
                    msg_iovlen = 1,
                    msg_control = &control,
                    msg_controllen = (nuint)sizeof(Libc.cmsg_descriptor),
                };
                while (true)
                {
                    // SAFETY: message, vector, control and bytes live on this stack or are pinned for the call.
                    nint sent = Libc.sendmsg(socket, &message, Libc.MSG_NOSIGNAL);
                    if (sent > 0)
                    {
                        return (int)sent;
                    }

                    int errno = Marshal.GetLastPInvokeError();
                    if (errno == Libc.EAGAIN ? !WaitForRoom(socket) : errno != Libc.EINTR)
                    {
                        throw new SocketException((int)SocketError.ConnectionAborted, $"a descriptor could not be passed: {Marshal.GetPInvokeErrorMessage(errno)}");
                    }
                }
            }
        }
        finally
        {
            if (held)
            {
                descriptor.DangerousRelease();
            }
        }
    }

    private static bool WaitForRoom(SafeHandle socket)
    {
        Libc.pollfd wanted = new() { fd = (int)socket.DangerousGetHandle(), events = Libc.POLLOUT };

        // SAFETY: the struct lives on this stack for the length of the call.
        return Libc.poll(&wanted, 1, WaitMilliseconds) > 0;
    }
}
