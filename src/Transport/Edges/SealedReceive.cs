using System.Net.Sockets;
using PageEngine.Streaming;
using PageEngine.Transport.Sealing;

namespace PageEngine.Transport.Edges;

// Owns: the way sealed records come in. A record that falls into one run is opened into guest memory itself: if it is refused,
// so is the whole migration, and the guest never runs on that memory. What has come of the next records is taken by the same call.

/// <summary>Receives from a blocking socket. One thread.</summary>
internal sealed class SealedReceive : IBatchReceive
{
    private readonly PageSeal _seal;
    private const int MaxBytes = PageSeal.HeaderBytes + PageSeal.MaxRecordBytes + PageSeal.TagBytes;

    private readonly NativeBuffer _records = new(MaxBytes + (MaxBytes / 2));
    private int _start;
    private int _end;

    /// <param name="seal">Owned from here on.</param>
    internal SealedReceive(PageSeal seal) => _seal = seal;

    /// <inheritdoc/>
    public int Receive(SafeSocketHandle socket, PageBatchWriter writer, out int errno)
    {
        int received = Take(socket, PageSeal.HeaderBytes, out errno);
        if (received <= 0)
        {
            return received;
        }

        int length = PageSeal.LengthOf(_records.GetSpan()[_start..]);
        int all = PageSeal.HeaderBytes + length + PageSeal.TagBytes;
        received = Take(socket, all, out errno);
        if (received <= 0)
        {
            return received;
        }

        Span<byte> record = _records.GetSpan().Slice(_start, all);
        _start += all;
        Span<byte> header = record[..PageSeal.HeaderBytes];
        Span<byte> sealedBytes = record[PageSeal.HeaderBytes..];
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
        ((IDisposable)_records).Dispose();
        _seal.Dispose();
    }

    // Receives until this many bytes of the next record are there.
    private int Take(SafeSocketHandle socket, int bytes, out int errno)
    {
        errno = 0;
        Span<byte> records = _records.GetSpan();
        if (_start == _end)
        {
            _start = _end = 0;
        }
        else if (_start + bytes > records.Length)
        {
            records[_start.._end].CopyTo(records);
            (_start, _end) = (0, _end - _start);
        }

        while (_end - _start < bytes)
        {
            // What there is, and then no more than what is missing: waiting for that is one call and one waking.
            int received = _start == _end
                ? PlainIo.ReceiveSome(socket, records, out errno)
                : PlainIo.Receive(socket, records.Slice(_end, bytes - (_end - _start)), out errno);
            if (received <= 0)
            {
                return received;
            }

            _end += received;
        }

        return bytes;
    }
}
