using System.Net.Sockets;
using PageEngine.Streaming;
using PageEngine.Transport.Sealing;

namespace PageEngine.Transport.Edges;

// Owns: the way sealed records come in. A record that falls into one run is opened into guest memory itself: if it is refused,
// so is the whole migration, and the guest never runs on that memory.

/// <summary>Receives from a blocking socket. One thread.</summary>
internal sealed class SealedReceive : IBatchReceive
{
    private readonly PageSeal _seal;
    private readonly NativeBuffer _record = new(PageSeal.HeaderBytes + PageSeal.MaxRecordBytes + PageSeal.TagBytes);

    /// <param name="seal">Owned from here on.</param>
    internal SealedReceive(PageSeal seal) => _seal = seal;

    /// <inheritdoc/>
    public int Receive(SafeSocketHandle socket, PageBatchWriter writer, out int errno)
    {
        Span<byte> header = _record.GetSpan()[..PageSeal.HeaderBytes];
        int received = ReceiveAll(socket, header, out errno);
        if (received <= 0)
        {
            return received;
        }

        int length = PageSeal.LengthOf(header);
        Span<byte> sealedBytes = _record.GetSpan().Slice(PageSeal.HeaderBytes, length + PageSeal.TagBytes);
        received = ReceiveAll(socket, sealedBytes, out errno);
        if (received <= 0)
        {
            return received;
        }

        Span<byte> place = writer.GetSpan();
        if (place.Length >= length)
        {
            _seal.Open(header, sealedBytes, place[..length]);
            writer.Advance(length);
            return length;
        }

        Span<byte> opened = sealedBytes[..length];
        _seal.Open(header, sealedBytes, opened);
        while (true)
        {
            int piece = Math.Min(place.Length, opened.Length);
            opened[..piece].CopyTo(place);
            writer.Advance(piece);
            opened = opened[piece..];
            if (opened.IsEmpty)
            {
                return length;
            }

            if (writer.HasEnded)
            {
                throw StreamViolation.Of("bytes follow the end of the stream");
            }

            place = writer.GetSpan();
        }
    }

    public void Dispose()
    {
        ((IDisposable)_record).Dispose();
        _seal.Dispose();
    }

    private static int ReceiveAll(SafeSocketHandle socket, Span<byte> bytes, out int errno)
    {
        int all = bytes.Length;
        while (true)
        {
            int received = PlainIo.Receive(socket, bytes, out errno);
            if (received <= 0 || received == bytes.Length)
            {
                return received <= 0 ? received : all;
            }

            bytes = bytes[received..];
        }
    }
}
