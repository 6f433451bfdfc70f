using System.Buffers;
using System.Net.Sockets;
using PageEngine.Streaming;
using PageEngine.Transport.Sealing;

namespace PageEngine.Transport.Edges;

// Owns: the way a batch goes out sealed. Scattered pages are gathered in the record and sealed there; a long run is sealed
// straight from guest memory. Several records go out by one call.

/// <summary>Seals sequences and sends them over a blocking socket. One thread.</summary>
internal sealed unsafe class SealedSend : IBatchSend
{
    // Below it a record of its own would cost more than the copy.
    private const int DirectBytes = 64 * 1024;

    // From here on what was sealed is sent: more would leave the core's cache before the kernel copies it.
    private const int FlushBytes = 256 * 1024;

    private readonly PageSeal _seal;
    private readonly NativeBuffer _records = new(FlushBytes + PageSeal.HeaderBytes + PageSeal.MaxRecordBytes + PageSeal.TagBytes);
    private int _sealed;
    private int _gathered;

    /// <param name="seal">Owned from here on.</param>
    internal SealedSend(PageSeal seal) => _seal = seal;

    // The bytes of the record that comes next, behind those that are sealed.
    private Span<byte> Gathered => _records.GetSpan().Slice(_sealed + PageSeal.HeaderBytes, PageSeal.MaxRecordBytes);

    /// <inheritdoc/>
    public int Send(SafeSocketHandle socket, in ReadOnlySequence<byte> bytes, bool mayArriveLater)
    {
        foreach (ReadOnlyMemory<byte> segment in bytes)
        {
            ReadOnlySpan<byte> rest = segment.Span;
            while (!rest.IsEmpty)
            {
                int errno;
                int piece = Math.Min(rest.Length, PageSeal.MaxRecordBytes);
                if (piece >= DirectBytes)
                {
                    errno = SealGathered(socket);
                    errno = errno != 0 ? errno : Seal(socket, rest[..piece]);
                }
                else
                {
                    piece = Math.Min(piece, PageSeal.MaxRecordBytes - _gathered);
                    rest[..piece].CopyTo(Gathered[_gathered..]);
                    _gathered += piece;
                    errno = _gathered == PageSeal.MaxRecordBytes ? SealGathered(socket) : 0;
                }

                if (errno != 0)
                {
                    return errno;
                }

                rest = rest[piece..];
            }
        }

        int last = SealGathered(socket);
        return last != 0 ? last : Flush(socket);
    }

    public void Dispose()
    {
        ((IDisposable)_records).Dispose();
        _seal.Dispose();
    }

    private int SealGathered(SafeSocketHandle socket)
    {
        if (_gathered == 0)
        {
            return 0;
        }

        ReadOnlySpan<byte> bytes = Gathered[.._gathered];
        _gathered = 0;
        return Seal(socket, bytes);
    }

    private int Seal(SafeSocketHandle socket, ReadOnlySpan<byte> bytes)
    {
        Span<byte> record = _records.GetSpan().Slice(_sealed, PageSeal.HeaderBytes + bytes.Length + PageSeal.TagBytes);
        _seal.Seal(bytes, record);
        _sealed += record.Length;
        return _sealed < FlushBytes ? 0 : Flush(socket);
    }

    private int Flush(SafeSocketHandle socket)
    {
        if (_sealed == 0)
        {
            return 0;
        }

        // SAFETY: the records are native memory of this length that this object holds.
        IoVector vector = new() { Start = _records.Pointer, Bytes = (nuint)_sealed };
        _sealed = 0;
        return GatherSend.Send(socket, &vector, 1);
    }
}
