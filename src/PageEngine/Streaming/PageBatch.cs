using System.Buffers;
using PageEngine.Bitmaps;
using PageEngine.Memory;

namespace PageEngine.Streaming;

// Owns: one batch at the source while it is built and sent: the bytes of its head, and the segments that are the guest's
// own pages. All of it is made once per stream and used again; one thread at a time.

/// <summary>A batch of pages, or a mark.</summary>
internal sealed unsafe class PageBatch : IDisposable
{
    private readonly GuestMemory _memory;
    private readonly NativeBuffer _head = new(PageBatchLimits.MaxHeadBytes);
    private readonly PageSegment _headSegment = new();
    private readonly PageSegment[] _segments = new PageSegment[PageBatchLimits.MaxRunsPerBatch];
    private int _closedRuns;
    private PageRun _open;
    private long _openLimit;

    internal PageBatch(GuestMemory memory)
    {
        _memory = memory;
        for (int i = 0; i < _segments.Length; i++)
        {
            _segments[i] = new PageSegment();
        }
    }

    /// <summary>Gets what was sealed last.</summary>
    internal PageBatchKind Kind { get; private set; }

    /// <summary>Gets the pages so far whose bytes will travel.</summary>
    internal int DataPages { get; private set; }

    /// <summary>Gets the zero pages so far.</summary>
    internal int ZeroPages { get; private set; }

    internal bool IsEmpty => DataPages + ZeroPages == 0;

    /// <summary>Makes the batch empty.</summary>
    internal void Reset()
    {
        Kind = PageBatchKind.None;
        DataPages = 0;
        ZeroPages = 0;
        _closedRuns = 0;
        _open = default;
        _openLimit = 0;
    }

    /// <summary>Adds pages of one kind that lie in one region.</summary>
    /// <param name="page">The first page; behind all that were added before.</param>
    /// <param name="count">How many; at least 1.</param>
    /// <param name="zero">Whether they are zero.</param>
    /// <param name="maxDataPages">How many pages with bytes the batch may have.</param>
    /// <returns>How many were added; 0 when the batch is full for pages of this kind.</returns>
    internal int Add(long page, int count, bool zero, int maxDataPages)
    {
        int room = zero ? PageBatchLimits.MaxZeroPagesPerBatch - ZeroPages : maxDataPages - DataPages;
        if (room <= 0 || !OpenRunFor(page, zero))
        {
            return 0;
        }

        int added = (int)Math.Min(Math.Min(count, room), _openLimit - page);
        _open = _open with { Count = _open.Count + added };
        if (zero)
        {
            ZeroPages += added;
        }
        else
        {
            DataPages += added;
        }

        return added;
    }

    /// <summary>Seals the batch as pages.</summary>
    internal ReadOnlySequence<byte> SealData(int round, int stream, long sequence)
    {
        CloseRun();
        int runs = _closedRuns;
        long payload = (long)DataPages * MemoryLayout.PageBytes;
        int headBytes = PageBatchHeader.Bytes + (runs * PageRun.Bytes);
        var header = new PageBatchHeader(PageBatchKind.Data, round, stream, runs, sequence, DataPages, ZeroPages, payload);
        ReadOnlySequence<byte> all = Seal(header, headBytes, out PageSegment last);
        int used = 0;
        for (int i = 0; i < runs; i++)
        {
            PageRun run = RunAt(i);
            if (!run.IsZero)
            {
                PageSegment segment = _segments[used++];
                segment.SetBehind(last, _memory.MemoryOf(run.Start, run.Count));
                last = segment;
            }
        }

        return used == 0 ? all : new ReadOnlySequence<byte>(_headSegment, 0, last, last.Memory.Length);
    }

    /// <summary>Seals the batch as a mark with totals.</summary>
    internal ReadOnlySequence<byte> SealMark(in PageBatchHeader mark) => Seal(mark, PageBatchHeader.Bytes, out _);

    /// <summary>Gets the runs that were added. <see cref="RunAt"/> names them.</summary>
    internal int CloseRuns()
    {
        CloseRun();
        return _closedRuns;
    }

    /// <summary>Takes note that a batch of these pages goes out in another form.</summary>
    internal void SetCoded() => Kind = PageBatchKind.Data;

    /// <summary>Gets a closed run.</summary>
    internal PageRun RunAt(int index) => PageRun.Read(EntryAt(index));

    /// <summary>Clears the bits of the batch's pages: their bytes were handed to the wire.</summary>
    internal void ClearFrom(DirtyBitmap pending)
    {
        for (int i = 0; i < _closedRuns; i++)
        {
            pending.ClearPages(RunAt(i).Range);
        }
    }

    public void Dispose() => ((IDisposable)_head).Dispose();

    // A run is one piece of host memory: it goes on only while pages follow each other within one window of a region.
    private bool OpenRunFor(long page, bool zero)
    {
        if (_open.Count > 0 && page == _open.End && page < _openLimit && zero == _open.IsZero)
        {
            return true;
        }

        int runs = _closedRuns + (_open.Count > 0 ? 1 : 0);
        if (runs == PageBatchLimits.MaxRunsPerBatch)
        {
            return false;
        }

        CloseRun();
        _open = new PageRun(page, 0, zero);
        _openLimit = _memory.WindowEndOf(page);
        return true;
    }

    private void CloseRun()
    {
        if (_open.Count > 0)
        {
            _open.Write(EntryAt(_closedRuns++));
            _open = default;
        }
    }

    // SAFETY: index < MaxRunsPerBatch, for which the head has room.
    private Span<byte> EntryAt(int index) => new(_head.Pointer + PageBatchHeader.Bytes + (index * PageRun.Bytes), PageRun.Bytes);

    private ReadOnlySequence<byte> Seal(in PageBatchHeader header, int headBytes, out PageSegment head)
    {
        Kind = header.Kind;
        header.WriteAndSeal(_head.GetSpan()[..headBytes]);
        head = _headSegment;
        _headSegment.Set(_head.First(headBytes), 0);
        return new ReadOnlySequence<byte>(_headSegment, 0, _headSegment, headBytes);
    }
}
