using System.IO.Hashing;
using PageEngine.Checkpoints.Format;
using PageEngine.Memory;
using PageEngine.Streaming;

namespace PageEngine.Checkpoints.Writing;

// Owns: sections one behind the other, the digest over their headers, and the end. Used by one thread at a time.

internal sealed unsafe class SectionWriter
{
    private readonly CheckpointOutput _output;
    private readonly XxHash128 _digest = new();
    private readonly byte[] _header = GC.AllocateArray<byte>(CheckpointFormat.SectionHeaderBytes + CheckpointFormat.DataAlignment, pinned: true);
    private readonly byte[] _tail = GC.AllocateArray<byte>(CheckpointFormat.SectionAlignment, pinned: true);
    private readonly IoVector[] _pieces = GC.AllocateArray<IoVector>(CheckpointFormat.MaxChunkRuns + 3, pinned: true);
    private long _sections;

    internal SectionWriter(CheckpointOutput output)
    {
        _output = output;
        Span<byte> header = stackalloc byte[CheckpointFormat.FileHeaderBytes];
        FileHeader.Write(header);
        _digest.Append(header);
        _output.Write(header);
    }

    /// <summary>Gets where the next section begins.</summary>
    internal long Position => _output.Position;

    internal void Write(SectionName name, ReadOnlySpan<byte> payload, bool optional = false, ushort version = 1)
    {
        var header = new SectionHeader(name, version, optional, 0, payload.Length, StreamHash.Of(payload));
        int bytes = WriteHeader(header);
        _output.Write(_header.AsSpan(0, bytes));
        _output.Write(payload);
        _output.Write(_tail.AsSpan(0, header.TailBytes));
    }

    /// <summary>Writes a chunk whose bytes are ready.</summary>
    internal void Write(ChunkJob job)
    {
        MemoryChunk chunk = job.Chunk;
        var header = new SectionHeader(SectionName.Memory, 1, false, chunk.PaddingAt(Position), chunk.PayloadBytes, job.PayloadHash);
        int bytes = WriteHeader(header);
        int pieces = 0;
        _pieces[pieces++] = PieceOf(_header, bytes);
        pieces += job.AddPieces(_pieces.AsSpan(pieces));
        if (header.TailBytes > 0)
        {
            _pieces[pieces++] = PieceOf(_tail, header.TailBytes);
        }

        _output.Write(_pieces.AsSpan(0, pieces));
    }

    /// <summary>Writes the index and the end.</summary>
    internal EndSection WriteEnd(IndexSection index, long dataPages, long equalPages, long zeroPages)
    {
        long at = Position;
        Write(SectionName.Index, index.Encode().Span);
        Span<byte> digest = stackalloc byte[CheckpointDigest.Bytes];
        _digest.GetCurrentHash(digest);
        var end = new EndSection(
            _sections + 1, Position + EndSection.TotalBytes, at, dataPages, equalPages, zeroPages, CheckpointDigest.Read(digest));
        Write(SectionName.End, end.Encode().Span);
        return end;
    }

    private static IoVector PieceOf(byte[] pinned, int bytes)
    {
        // SAFETY: the array was allocated pinned and lives as long as this object.
        fixed (byte* start = pinned)
        {
            return new IoVector { Start = start, Bytes = (nuint)bytes };
        }
    }

    private int WriteHeader(SectionHeader header)
    {
        header.Write(_header, Position);
        _digest.Append(_header.AsSpan(0, CheckpointFormat.SectionHeaderBytes));
        _header.AsSpan(CheckpointFormat.SectionHeaderBytes, header.PaddingBytes).Clear();
        _sections++;
        return CheckpointFormat.SectionHeaderBytes + header.PaddingBytes;
    }
}
