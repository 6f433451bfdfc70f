using System.Buffers.Binary;
using System.Net.Sockets;
using PageEngine.Transport.Edges;

namespace PageEngine.Transport.Measuring;

// Owns: what the kernel counts for a TCP connection (struct tcp_info in linux/tcp.h; an older kernel gives less of it).

/// <param name="Retransmitted">Segments sent again.</param>
/// <param name="RoundTrip">The smoothed round trip.</param>
/// <param name="ReceiverStalled">For how long there was something to send and no window for it.</param>
internal readonly record struct TcpCounters(long Retransmitted, TimeSpan RoundTrip, TimeSpan ReceiverStalled)
{
    private const int SolTcp = 6;
    private const int TcpInfo = 11;
    private const int RoundTripAt = 68;
    private const int RetransmittedAt = 100;
    private const int ReceiverStalledAt = 176;
    private const int Bytes = 232;

    /// <summary>Reads the counters; zeros where there are none.</summary>
    internal static TcpCounters Of(MigrationConnection connection)
    {
        if (connection is not SocketConnection socket)
        {
            return default;
        }

        Span<byte> info = stackalloc byte[Bytes];
        info.Clear();
        try
        {
            socket.GetOption(SolTcp, TcpInfo, info);
        }
        catch (SocketException)
        {
            return default;
        }

        return new TcpCounters(
            BinaryPrimitives.ReadUInt32LittleEndian(info[RetransmittedAt..]),
            TimeSpan.FromMicroseconds(BinaryPrimitives.ReadUInt32LittleEndian(info[RoundTripAt..])),
            TimeSpan.FromMicroseconds(BinaryPrimitives.ReadUInt64LittleEndian(info[ReceiverStalledAt..])));
    }
}
