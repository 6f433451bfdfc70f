using System.Net.Sockets;
using PageEngine.Streaming;
using PageEngine.Transport.Interop;

namespace PageEngine.Transport.Edges;

// Owns: sending and receiving single spans, which may be on the heap: for the few bytes that are not pages.

internal static unsafe class PlainIo
{
    /// <summary>Sends all bytes.</summary>
    /// <returns>0, or the error number.</returns>
    internal static int Send(SafeSocketHandle socket, ReadOnlySpan<byte> bytes)
    {
        // SAFETY: the span is pinned for as long as the kernel reads it.
        fixed (byte* start = bytes)
        {
            IoVector vector = new() { Start = start, Bytes = (nuint)bytes.Length };
            return bytes.IsEmpty ? 0 : GatherSend.Send(socket, &vector, 1);
        }
    }

    /// <summary>Receives until the span is full, unless something interrupts.</summary>
    /// <returns>How many bytes; 0: the other end closed; negative: an error.</returns>
    internal static int Receive(SafeSocketHandle socket, Span<byte> bytes, out int errno) =>
        Receive(socket, bytes, Libc.MSG_WAITALL, out errno);

    /// <summary>Receives what there is, at least one byte.</summary>
    /// <returns>How many bytes; 0: the other end closed; negative: an error.</returns>
    internal static int ReceiveSome(SafeSocketHandle socket, Span<byte> bytes, out int errno) =>
        Receive(socket, bytes, flags: 0, out errno);

    /// <summary>Receives what there is, at least one byte, and leaves it where it is.</summary>
    /// <returns>As above.</returns>
    internal static int Peek(SafeSocketHandle socket, Span<byte> bytes, out int errno) =>
        Receive(socket, bytes, Libc.MSG_PEEK, out errno);

    private static int Receive(SafeSocketHandle socket, Span<byte> bytes, int flags, out int errno)
    {
        // SAFETY: the span is pinned for as long as the kernel writes it.
        fixed (byte* start = bytes)
        {
            IoVector vector = new() { Start = start, Bytes = (nuint)bytes.Length };
            return ScatterReceive.Receive(socket, &vector, 1, flags, out errno);
        }
    }
}
