using System.Runtime.CompilerServices;
using PageEngine.Checkpoints.Compression;
using PageEngine.Checkpoints.Format;
using PageEngine.Memory;
using PageEngine.Streaming;

namespace PageEngine.Checkpoints.Reading;

// Owns: one chunk from the source to where its pages belong, checked. One thread uses one object; the buffers are made once
// and are as large as the largest chunk that came.

internal sealed unsafe class ChunkReader : IDisposable
{
    // Read and hashed at once, so that the hash finds them in the cache.
    private const int PiecesAtOnce = 64;
    private const nuint BytesAtOnce = 256 * 1024;

    private readonly CheckpointSource _source;
    private readonly long _pageCount;
    private readonly IoVector[] _batch = new IoVector[PiecesAtOnce];
    private readonly StreamHash _hash = new();
    private readonly PageCompressor _compressor = new(CheckpointCompression.None);
    private MemoryRun[] _runs = [];
    private IoVector[] _pieces = [];
    private byte[] _head = [];
    private NativeBuffer? _stored;
    private NativeBuffer? _pages;
    private int _runCount;

    internal ChunkReader(CheckpointSource source, long pageCount)
    {
        _source = source;
        _pageCount = pageCount;
    }

    /// <summary>Gets the runs of the chunk that was read last.</summary>
    internal ReadOnlySpan<MemoryRun> Runs => _runs.AsSpan(0, _runCount);

    /// <summary>Gets the numbers of the chunk that was read last.</summary>
    internal MemoryChunk Chunk { get; private set; }

    /// <summary>Gets the pages of the chunk that <see cref="ReadPages"/> read last.</summary>
    internal ReadOnlySpan<byte> Pages => _pages is null ? [] : _pages.GetSpan()[..Chunk.DataBytes];

    /// <summary>Reads the head alone; the table is not looked at.</summary>
    internal MemoryChunk ReadHead(SectionHeader header, long offset)
    {
        Grow(ref _head, header.PaddingBytes + MemoryChunk.HeadBytes);
        Span<byte> head = _head.AsSpan(0, header.PaddingBytes + MemoryChunk.HeadBytes);
        ReadStart(header, offset, head);
        return MemoryChunk.Read(head[header.PaddingBytes..], header, offset);
    }

    /// <summary>Reads a chunk into the guest's memory and checks it. What it finds wrong is found after the memory was
    /// written: nothing may run on it then.</summary>
    /// <param name="header">The section's header.</param>
    /// <param name="offset">Where the section begins.</param>
    /// <param name="memory">Held mapped by the caller; null: only checked.</param>
    /// <param name="advice">Is told of the pages before they are written; null: nobody.</param>
    internal void ReadInto(SectionHeader header, long offset, GuestMemory? memory, HugePageAdvice? advice)
    {
        if (memory is null)
        {
            ReadPages(header, offset);
            return;
        }

        ReadTable(header, offset);
        advice?.Expect(Runs);
        long dataAt = header.PayloadAt(offset) + Chunk.DataAt;
        if (Chunk.Compression == CheckpointCompression.None)
        {
            int pieces = PiecesOf(memory); // First: it may replace the array.
            ReadRaw(dataAt, _pieces.AsSpan(0, pieces));
            CheckHash(header, offset);
        }
        else
        {
            ReadStored(header, offset, dataAt);
            if (SingleRun(memory) is { Count: > 0 } run)
            {
                Decompress(new Span<byte>(memory.PagePointer(run.Start), Chunk.DataBytes), offset); // SAFETY: as many pages of one region.
            }
            else
            {
                Decompress(Room(ref _pages, Chunk.DataBytes), offset);
                Scatter(memory);
            }
        }

        foreach (MemoryRun run in Runs)
        {
            for (long page = run.Start; run.Kind == RunKind.Zero && page < run.End; page++)
            {
                Clear(memory.PagePointer(page));
            }
        }
    }

    /// <summary>Reads a chunk into this object's own buffer and checks it.</summary>
    internal void ReadPages(SectionHeader header, long offset)
    {
        ReadTable(header, offset);
        long dataAt = header.PayloadAt(offset) + Chunk.DataAt;
        if (Chunk.Compression == CheckpointCompression.None)
        {
            Span<byte> pages = Room(ref _pages, Chunk.DataBytes);
            _source.Read(dataAt, pages, SectionName.Memory);
            _hash.Append(pages);
            CheckHash(header, offset);
        }
        else
        {
            ReadStored(header, offset, dataAt);
            Decompress(Room(ref _pages, Chunk.DataBytes), offset);
        }
    }

    public void Dispose()
    {
        ((IDisposable?)_stored)?.Dispose();
        ((IDisposable?)_pages)?.Dispose();
        _compressor.Dispose();
    }

    // Keeps what is there.
    private static void Grow<T>(ref T[] array, int least)
    {
        if (array.Length < least)
        {
            Array.Resize(ref array, Math.Max(least, Math.Max(64, 2 * array.Length)));
        }
    }

    private static Span<byte> Room(ref NativeBuffer? buffer, int bytes)
    {
        if (buffer is null || buffer.GetSpan().Length < bytes)
        {
            ((IDisposable?)buffer)?.Dispose();
            buffer = new NativeBuffer(Math.Max(bytes, MemoryLayout.PageBytes));
        }

        return buffer.GetSpan()[..bytes];
    }

    // A hole stays one: reading it costs less than the memory that writing it would take.
    private static void Clear(byte* page)
    {
        if (!ZeroPage.IsZero(page))
        {
            new Span<byte>(page, MemoryLayout.PageBytes).Clear(); // SAFETY: a page of held memory.
        }
    }

    private void ReadStart(SectionHeader header, long offset, Span<byte> start)
    {
        _source.Read(offset + CheckpointFormat.SectionHeaderBytes, start, SectionName.Memory);
        if (start[..header.PaddingBytes].ContainsAnyExcept((byte)0))
        {
            throw Damage.At(SectionName.Memory, offset, "bytes that must be zero are not");
        }
    }

    // The hash has the head and the table afterwards; nothing of it is believed further than its limits until it is checked.
    private void ReadTable(SectionHeader header, long offset)
    {
        if (header.PayloadBytes is < MemoryChunk.HeadBytes or > CheckpointFormat.MaxChunkBytes)
        {
            throw Damage.At(SectionName.Memory, offset, $"a chunk of {header.PayloadBytes} bytes is not possible");
        }

        Chunk = ReadHead(header, offset);
        Grow(ref _head, header.PaddingBytes + Chunk.DataAt);
        Grow(ref _runs, Chunk.RunCount);
        int tableBytes = Chunk.DataAt - MemoryChunk.HeadBytes;
        long tableAt = header.PayloadAt(offset) + MemoryChunk.HeadBytes;
        Span<byte> table = _head.AsSpan(header.PaddingBytes + MemoryChunk.HeadBytes, tableBytes);
        _source.Read(tableAt, table, SectionName.Memory);
        Chunk.ReadRuns(table, _pageCount, tableAt, _runs);
        _runCount = Chunk.RunCount;
        _hash.Reset();
        _hash.Append(_head.AsSpan(header.PaddingBytes, Chunk.DataAt));
    }

    private void ReadRaw(long dataAt, Span<IoVector> pieces)
    {
        Span<IoVector> changing = stackalloc IoVector[PiecesAtOnce];
        while (!pieces.IsEmpty)
        {
            int count = 0;
            nuint bytes = 0;
            while (count < PiecesAtOnce && bytes < BytesAtOnce && !pieces.IsEmpty)
            {
                ref IoVector piece = ref pieces[0];
                nuint part = nuint.Min(piece.Bytes, BytesAtOnce - bytes);
                _batch[count++] = piece with { Bytes = part };
                bytes += part;
                piece.Start += part;
                piece.Bytes -= part;
                pieces = piece.Bytes == 0 ? pieces[1..] : pieces;
            }

            _batch.AsSpan(0, count).CopyTo(changing);
            _source.Read(dataAt, changing[..count], SectionName.Memory);
            dataAt += (long)bytes;
            foreach (IoVector piece in _batch.AsSpan(0, count))
            {
                _hash.Append(new ReadOnlySpan<byte>(piece.Start, (int)piece.Bytes)); // SAFETY: pages of held memory.
            }
        }
    }

    private void ReadStored(SectionHeader header, long offset, long dataAt)
    {
        Span<byte> stored = Room(ref _stored, Chunk.StoredBytes);
        _source.Read(dataAt, stored, SectionName.Memory);
        _hash.Append(stored);
        CheckHash(header, offset);
    }

    private void CheckHash(SectionHeader header, long offset)
    {
        if (_hash.Current != header.PayloadHash)
        {
            throw Damage.At(SectionName.Memory, offset, "its checksum does not match");
        }
    }

    private void Decompress(Span<byte> pages, long offset)
    {
        if (!_compressor.TryDecompress(Chunk.Compression, _stored!.GetSpan()[..Chunk.StoredBytes], pages))
        {
            throw Damage.At(SectionName.Memory, offset, "its data cannot be decompressed");
        }
    }

    private MemoryRun SingleRun(GuestMemory memory)
    {
        MemoryRun run = Runs[0];
        return _runCount == 1 && run.Kind == RunKind.Data && memory.RegionIndexOf(run.Start) == memory.RegionIndexOf(run.End - 1) ? run : default;
    }

    private void Scatter(GuestMemory memory)
    {
        byte* source = _pages!.Pointer;
        int count = PiecesOf(memory); // First: it may replace the array.
        foreach (IoVector piece in _pieces.AsSpan(0, count))
        {
            Unsafe.CopyBlock(piece.Start, source, (uint)piece.Bytes); // SAFETY: the pieces have as many pages as the buffer.
            source += piece.Bytes;
        }
    }

    // A run that a hostile file spreads over two regions would be written beyond the first one's end.
    private int PiecesOf(GuestMemory memory)
    {
        int count = 0;
        foreach (MemoryRun run in Runs)
        {
            for (long page = run.Start; run.Kind == RunKind.Data && page < run.End;)
            {
                int region = memory.RegionIndexOf(page);
                long end = Math.Min(run.End, memory.FirstPageOf(region) + memory.Regions[region].PageCount);
                Grow(ref _pieces, count + 1);
                _pieces[count++] = new IoVector { Start = memory.PagePointer(page), Bytes = (nuint)((end - page) * MemoryLayout.PageBytes) };
                page = end;
            }
        }

        return count;
    }
}
