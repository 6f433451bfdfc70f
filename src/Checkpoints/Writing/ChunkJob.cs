using System.Runtime.CompilerServices;
using PageEngine.Checkpoints.Compression;
using PageEngine.Checkpoints.Format;
using PageEngine.Memory;
using PageEngine.Streaming;

namespace PageEngine.Checkpoints.Writing;

// Owns: one chunk on its way: planned by one thread, encoded by another, written by a third; each hands it on when done.
// Its buffers are made once and used again.

internal sealed unsafe class ChunkJob : IDisposable
{
    private readonly GuestMemory _memory;
    private readonly StreamHash _hash = new();
    private readonly ManualResetEventSlim _encoded = new();
    private readonly int _maxPages;

    // They grow with the runs: most chunks have few, and a small checkpoint would spend its time in clearing them.
    private MemoryRun[] _runs = new MemoryRun[256];
    private byte[] _head = [];
    private IoVector[] _pieces = [];
    private NativeBuffer? _pages;
    private NativeBuffer? _stored;
    private int _runCount;
    private int _pageCount;
    private int _limit;
    private uint _round;
    private bool _copied;

    /// <param name="memory">The guest's memory; held mapped by the owner of the pipeline.</param>
    /// <param name="maxPages">The most pages with bytes.</param>
    internal ChunkJob(GuestMemory memory, int maxPages)
    {
        _memory = memory;
        _maxPages = maxPages;
    }

    /// <summary>Gets the chunk's numbers, once it is encoded.</summary>
    internal MemoryChunk Chunk { get; private set; }

    internal ulong PayloadHash { get; private set; }

    internal ReadOnlySpan<MemoryRun> Runs => _runs.AsSpan(0, _runCount);

    internal bool IsEmpty => _runCount == 0;

    internal bool IsFull => _pageCount == _limit || _runCount >= CheckpointFormat.MaxChunkRuns - 1;

    /// <summary>Gets what encoding ended with; null: it is well.</summary>
    internal Exception? Failure { get; private set; }

    /// <summary>Begins a new chunk.</summary>
    /// <param name="round">The pre-copy round.</param>
    /// <param name="copies">Whether pages are copied as they are added: the guest runs and may change them meanwhile.</param>
    /// <param name="limit">After how many pages with bytes it is full.</param>
    internal void Begin(uint round, bool copies, int limit)
    {
        _round = round;
        _limit = Math.Min(limit, _maxPages);
        _copied = copies;
        _runCount = 0;
        _pageCount = 0;
        Failure = null;
        _encoded.Reset();
        if (copies)
        {
            _pages ??= new NativeBuffer(_maxPages * MemoryLayout.PageBytes);
        }
    }

    /// <summary>Copies a page to where it would stand if it were added next.</summary>
    internal byte* Copy(long page)
    {
        byte* target = _pages!.Pointer + ((long)_pageCount * MemoryLayout.PageBytes);
        Unsafe.CopyBlock(target, _memory.PagePointer(page), MemoryLayout.PageBytes); // SAFETY: both are whole pages; the job is not full.
        return target;
    }

    internal void AddData(long page)
    {
        Add(page, RunKind.Data, _pageCount);
        _pageCount++;
    }

    internal void AddZero(long page) => Add(page, RunKind.Zero, 0);

    internal void AddEqual(long page, long target) => Add(page, RunKind.Equal, target);

    /// <summary>Makes the bytes: compresses where asked for, and hashes. Never throws: see <see cref="Failure"/>.</summary>
    internal void Encode(PageCompressor compressor)
    {
        try
        {
            int stored = 0;
            if (compressor.Compression != CheckpointCompression.None && _pageCount > 0)
            {
                _stored ??= new NativeBuffer(_maxPages * MemoryLayout.PageBytes);
                stored = compressor.Compress(Together(), _stored.GetSpan());
            }

            CheckpointCompression used = stored > 0 ? compressor.Compression : CheckpointCompression.None;
            Chunk = new MemoryChunk(_round, used, _runCount, _pageCount, stored > 0 ? stored : _pageCount * MemoryLayout.PageBytes);
            if (_head.Length < Chunk.DataAt)
            {
                _head = GC.AllocateUninitializedArray<byte>(MemoryChunk.HeadBytes + (_runs.Length * MemoryRun.Bytes), pinned: true);
                _pieces = new IoVector[_runs.Length + 1];
            }

            Chunk.Write(_head);
            for (int i = 0; i < _runCount; i++)
            {
                _runs[i].Write(_head.AsSpan(MemoryChunk.HeadBytes + (i * MemoryRun.Bytes)));
            }

            Hash();
        }
        catch (Exception e)
        {
            Failure = e;
        }

        _encoded.Set();
    }

    internal void WaitEncoded() => _encoded.Wait();

    /// <summary>Names the pieces of the payload.</summary>
    /// <returns>How many they are.</returns>
    internal int AddPieces(Span<IoVector> pieces)
    {
        // SAFETY: the head is pinned; buffers live as long as this object; the pipeline holds the guest's memory mapped.
        fixed (byte* head = _head)
        {
            pieces[0] = new IoVector { Start = head, Bytes = (nuint)Chunk.DataAt };
        }

        if (_pageCount == 0)
        {
            return 1;
        }

        if (Chunk.Compression != CheckpointCompression.None || _copied)
        {
            byte* start = Chunk.Compression != CheckpointCompression.None ? _stored!.Pointer : _pages!.Pointer;
            pieces[1] = new IoVector { Start = start, Bytes = (nuint)Chunk.StoredBytes };
            return 2;
        }

        int count = 1;
        foreach (MemoryRun run in Runs)
        {
            if (run.Kind == RunKind.Data)
            {
                pieces[count++] = new IoVector { Start = _memory.PagePointer(run.Start), Bytes = (nuint)run.Count * MemoryLayout.PageBytes };
            }
        }

        return count;
    }

    public void Dispose()
    {
        ((IDisposable?)_pages)?.Dispose();
        ((IDisposable?)_stored)?.Dispose();
        _encoded.Dispose();
    }

    // A run ends at the end of its region too: the next page lies elsewhere.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Add(long page, RunKind kind, long target)
    {
        if (_runCount > 0)
        {
            ref MemoryRun last = ref _runs[_runCount - 1];
            if (last.Kind == kind && last.End == page && last.Count < MemoryRun.MaxCount
                && (kind == RunKind.Zero || target == last.Target + last.Count)
                && (kind != RunKind.Data || _memory.RegionIndexOf(page) == _memory.RegionIndexOf(last.Start)))
            {
                last = last with { Count = last.Count + 1 };
                return;
            }
        }

        if (_runCount == _runs.Length)
        {
            Array.Resize(ref _runs, Math.Min(2 * _runs.Length, CheckpointFormat.MaxChunkRuns));
        }

        _runs[_runCount++] = new MemoryRun(page, 1, kind, target);
    }

    // The pages one behind the other: where they are, if they stand so in memory.
    private ReadOnlySpan<byte> Together()
    {
        if (!_copied && _runCount == 1)
        {
            return new ReadOnlySpan<byte>(_memory.PagePointer(_runs[0].Start), _pageCount * MemoryLayout.PageBytes); // SAFETY: one run, in one region.
        }

        if (!_copied)
        {
            Gather();
        }

        return _pages!.GetSpan()[..(_pageCount * MemoryLayout.PageBytes)];
    }

    private void Gather()
    {
        _pages ??= new NativeBuffer(_maxPages * MemoryLayout.PageBytes);
        foreach (MemoryRun run in Runs)
        {
            if (run.Kind == RunKind.Data)
            {
                // SAFETY: the run lies in one region; the buffer has room for all pages of the chunk.
                uint bytes = (uint)run.Count * MemoryLayout.PageBytes;
                Unsafe.CopyBlock(_pages.Pointer + (run.Target * MemoryLayout.PageBytes), _memory.PagePointer(run.Start), bytes);
            }
        }

        _copied = true;
    }

    private void Hash()
    {
        _hash.Reset();
        foreach (IoVector piece in _pieces.AsSpan(0, AddPieces(_pieces)))
        {
            _hash.Append(new ReadOnlySpan<byte>(piece.Start, (int)piece.Bytes)); // SAFETY: see AddPieces.
        }

        PayloadHash = _hash.Current;
    }
}
