using System.Buffers;
using System.Net.Sockets;
using PageEngine.Streaming;
using PageEngine.Transport.Sealing;

namespace PageEngine.Transport.Edges;

// Owns: the way a batch goes out sealed. Scattered pages are gathered in the record and sealed there; a long run is sealed
// straight from guest memory.

/// <summary>Seals sequences and sends them over a blocking socket. One thread.</summary>
internal sealed unsafe class SealedSend : IBatchSend
{
    // Below it a record of its own would cost more than the copy.
    private const int DirectBytes = 64 * 1024;

    private readonly PageSeal _seal;
    private readonly NativeBuffer _record = new(PageSeal.HeaderBytes + PageSeal.MaxRecordBytes + PageSeal.TagBytes);
    private int _gathered;

    /// <param name="seal">Owned from here on.</param>
    internal SealedSend(PageSeal seal) => _seal = seal;

    private Span<byte> Gathered => _record.GetSpan().Slice(PageSeal.HeaderBytes, PageSeal.MaxRecordBytes);

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
                    errno = SendGathered(socket);
                    errno = errno != 0 ? errno : SendSealed(socket, rest[..piece]);
                }
                else
                {
                    piece = Math.Min(piece, PageSeal.MaxRecordBytes - _gathered);
                    rest[..piece].CopyTo(Gathered[_gathered..]);
                    _gathered += piece;
                    errno = _gathered == PageSeal.MaxRecordBytes ? SendGathered(socket) : 0;
                }

                if (errno != 0)
                {
                    return errno;
                }

                rest = rest[piece..];
            }
        }

        return SendGathered(socket);
    }

    public void Dispose()
    {
        ((IDisposable)_record).Dispose();
        _seal.Dispose();
    }

    private int SendGathered(SafeSocketHandle socket)
    {
        int errno = _gathered == 0 ? 0 : SendSealed(socket, Gathered[.._gathered]);
        _gathered = 0;
        return errno;
    }

    private int SendSealed(SafeSocketHandle socket, ReadOnlySpan<byte> bytes)
    {
        Span<byte> record = _record.GetSpan()[..(PageSeal.HeaderBytes + bytes.Length + PageSeal.TagBytes)];
        _seal.Seal(bytes, record);

        // SAFETY: the record is native memory of this length that this object holds.
        IoVector vector = new() { Start = _record.Pointer, Bytes = (nuint)record.Length };
        return GatherSend.Send(socket, &vector, 1);
    }
}
