using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using PageEngine.Compression;
using PageEngine.Memory;

namespace PageEngine.Streaming;

// Owns: a batch at the source in its coded form: from the runs that were collected and guest memory to a run table without the
// pages that the destination has already, differences, and blocks. Every page is read once into a buffer, and from there come
// what is sent and what is kept: the guest may write it meanwhile. Made when it is needed first; one thread: the stream's.

internal sealed unsafe class CodedBatch : IDisposable
{
    private const int MaxPages = PageBatchLimits.MaxPagesPerCodedBatch;
    private const int BlockBytes = PageBatchLimits.PagesPerBlock * MemoryLayout.PageBytes;
    private const int MaxBlocks = MaxPages / PageBatchLimits.PagesPerBlock;

    // After blocks that did not become smaller, so many are not tried: 1, 2, 4 and so on up to this.
    private const int MaxUntried = 16;

    private readonly GuestMemory _memory;
    private readonly BlockCompressor _compressor;
    private readonly NativeBuffer _head = new(PageBatchLimits.MaxHeadBytes + (MaxPages * CodedPayload.FormBytes));
    private readonly NativeBuffer _forms = new(MaxPages * CodedPayload.FormBytes);
    private readonly NativeBuffer _deltas = new((MaxPages * PageDelta.MaxBytes) + PageDelta.RoomBytes);
    private readonly NativeBuffer _block = new(BlockBytes);
    private readonly NativeBuffer _blocks = new(MaxBlocks * (BlockBytes + CodedPayload.BlockHeaderBytes));
    private readonly PageSegment _headSegment = new();
    private readonly PageSegment _deltaSegment = new();
    private readonly PageSegment _blockSegment = new();
    private EncodingPlan _plan;
    private int _deltaBytes;
    private int _blockPages;
    private int _blocksBytes;
    private int _untried;
    private int _untriedNext = 1;
    private long _compressing;
    private long _triedBytes;
    private long _codedBytes;
    private int _storedPages;
    private int _codedPages;

    /// <param name="memory">The source's memory.</param>
    /// <param name="compressor">The stream's; not owned.</param>
    internal CodedBatch(GuestMemory memory, BlockCompressor compressor)
    {
        _memory = memory;
        _compressor = compressor;
    }

    /// <summary>Gets the pages whose bytes or differences travel.</summary>
    internal int DataPages { get; private set; }

    /// <summary>Gets the pages that the destination has already.</summary>
    internal int UnchangedPages { get; private set; }

    /// <summary>Gets what was done, for the report.</summary>
    internal EncodingCounts Counts { get; private set; }

    /// <summary>Codes the pages of a batch.</summary>
    /// <param name="batch">The batch; its runs are read, and it stays as it is.</param>
    /// <param name="plan">How.</param>
    /// <param name="cache">The pages as they were sent last; used as the plan says.</param>
    /// <param name="choice">Is told what it took.</param>
    /// <param name="round">The round.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="sequence">The batch's number on its stream.</param>
    /// <returns>The bytes to send; empty: nothing needs to be sent.</returns>
    internal ReadOnlySequence<byte> Encode(
        PageBatch batch, EncodingPlan plan, SentPageCache? cache, EncodingChoice choice, int round, int stream, long sequence)
    {
        long began = Stopwatch.GetTimestamp();
        _plan = plan;
        _deltaBytes = 0;
        _blockPages = 0;
        _blocksBytes = 0;
        _compressing = 0;
        _triedBytes = 0;
        _codedBytes = 0;
        _codedPages = 0;
        _storedPages = 0;
        DataPages = 0;
        UnchangedPages = 0;
        int deltaPages = 0;
        int runs = batch.CloseRuns();
        int kept = 0;
        int zeroPages = 0;
        for (int i = 0; i < runs; i++)
        {
            PageRun run = batch.RunAt(i);
            if (run.IsZero)
            {
                cache?.Forget(run.Range);
                run.Write(Entry(kept++));
                zeroPages += run.Count;
                continue;
            }

            // A page that need not be sent may cut a run in two: where the table has no room for that, it is sent all the same.
            PageRun open = default;
            for (long page = run.Start; page < run.End; page++)
            {
                bool mayDrop = kept + (runs - i) < PageBatchLimits.MaxRunsPerBatch;
                int form = Add(page, cache, round, mayDrop);
                if (form < 0)
                {
                    UnchangedPages++;
                    Close(ref open, ref kept);
                    continue;
                }

                deltaPages += form > 0 ? 1 : 0;
                open = open.Count == 0 ? new PageRun(page, 1, false) : open with { Count = open.Count + 1 };
                BinaryPrimitives.WriteUInt16LittleEndian(_forms.GetSpan()[(DataPages++ * CodedPayload.FormBytes)..], (ushort)form);
            }

            Close(ref open, ref kept);
        }

        CloseBlock();
        Tell(choice, batch.DataPages, deltaPages, round, Stopwatch.GetElapsedTime(began));
        return kept == 0 ? ReadOnlySequence<byte>.Empty : Seal(kept, zeroPages, round, stream, sequence);
    }

    public void Dispose()
    {
        ((IDisposable)_head).Dispose();
        ((IDisposable)_forms).Dispose();
        ((IDisposable)_deltas).Dispose();
        ((IDisposable)_block).Dispose();
        ((IDisposable)_blocks).Dispose();
    }

    private void Close(ref PageRun open, ref int kept)
    {
        if (open.Count > 0)
        {
            open.Write(Entry(kept++));
            open = default;
        }
    }

    // Returns the length of the page's difference, 0 where the page itself is in a block, -1 where nothing needs to be sent.
    private int Add(long page, SentPageCache? cache, int round, bool mayDrop)
    {
        // SAFETY: the buffers have room for every page of a batch, and the stream holds the memory mapped.
        byte* bytes = _memory.PagePointer(page);
        if (!_plan.UsesCache || cache is null)
        {
            cache?.Forget(new PageRange(page, 1));
            AddToBlock(bytes);
            return 0;
        }

        byte* kept = cache.TryTake(page);
        if (kept != null)
        {
            int delta = PageDelta.Encode(bytes, kept, _deltas.Pointer + _deltaBytes);
            if (delta <= 0 && (delta < 0 || !mayDrop))
            {
                AddToBlock(kept);
                delta = 0;
            }
            else
            {
                delta = delta == 0 ? -1 : delta;
                _deltaBytes += Math.Max(0, delta);
            }

            cache.Release(page, round);
            return delta;
        }

        kept = cache.TryTakeRoom(page, round);
        if (kept == null)
        {
            AddToBlock(bytes);
            return 0;
        }

        Buffer.MemoryCopy(bytes, kept, MemoryLayout.PageBytes, MemoryLayout.PageBytes);
        AddToBlock(kept);
        cache.Release(page, round);
        return 0;
    }

    private void AddToBlock(byte* page)
    {
        Buffer.MemoryCopy(page, _block.Pointer + (_blockPages * MemoryLayout.PageBytes), MemoryLayout.PageBytes, MemoryLayout.PageBytes);
        if (++_blockPages == PageBatchLimits.PagesPerBlock)
        {
            CloseBlock();
        }
    }

    private void CloseBlock()
    {
        if (_blockPages == 0)
        {
            return;
        }

        ReadOnlySpan<byte> block = _block.GetSpan()[..(_blockPages * MemoryLayout.PageBytes)];
        Span<byte> target = _blocks.GetSpan()[_blocksBytes..];
        int length = Compress(block, target[CodedPayload.BlockHeaderBytes..]);
        BlockCodec codec = _plan.Codec;
        if (length == 0)
        {
            codec = BlockCodec.Stored;
            length = block.Length;
            block.CopyTo(target[CodedPayload.BlockHeaderBytes..]);
            _storedPages += _blockPages;
        }
        else
        {
            _codedPages += _blockPages;
            _codedBytes += length;
        }

        CodedPayload.WriteBlockHeader(target, codec, length);
        _blocksBytes += CodedPayload.BlockHeaderBytes + length;
        _blockPages = 0;
    }

    private int Compress(ReadOnlySpan<byte> block, Span<byte> target)
    {
        if (_plan.Codec == BlockCodec.Stored || _untried > 0)
        {
            _untried = Math.Max(0, _untried - 1);
            return 0;
        }

        long began = Stopwatch.GetTimestamp();
        int length = _compressor.Compress(_plan.Codec, block, target);
        _compressing += Stopwatch.GetTimestamp() - began;
        _triedBytes += block.Length;
        _untried = length == 0 ? _untriedNext : 0;
        _untriedNext = length == 0 ? Math.Min(MaxUntried, _untriedNext * 2) : 1;
        return length;
    }

    private void Tell(EncodingChoice choice, int pages, int deltaPages, int round, TimeSpan elapsed)
    {
        TimeSpan compressing = Stopwatch.GetElapsedTime(0, _compressing);
        if (_plan.UsesCache)
        {
            long before = (long)pages * MemoryLayout.PageBytes;
            long after = _deltaBytes + ((long)(_storedPages + _codedPages) * MemoryLayout.PageBytes);
            choice.AddCompared(before, after, (elapsed - compressing).TotalNanoseconds, round);
        }

        // Blocks that were not tried count as what they are: the rate is that of the batch.
        long blockBytes = (long)(_storedPages + _codedPages) * MemoryLayout.PageBytes;
        choice.AddBlocks(_plan.Codec, blockBytes, _codedBytes + ((long)_storedPages * MemoryLayout.PageBytes), compressing.TotalNanoseconds);
        bool isLz4 = _plan.Codec == BlockCodec.Lz4;
        Counts = new EncodingCounts
        {
            UnchangedPages = UnchangedPages,
            DeltaPages = deltaPages,
            DeltaBytes = _deltaBytes,
            Lz4Pages = isLz4 ? _codedPages : 0,
            Lz4Bytes = isLz4 ? _codedBytes : 0,
            ZstdPages = isLz4 ? 0 : _codedPages,
            ZstdBytes = isLz4 ? 0 : _codedBytes,
            StoredPages = _storedPages,
            EncodingTime = elapsed,
        };
    }

    private ReadOnlySequence<byte> Seal(int runs, int zeroPages, int round, int stream, long sequence)
    {
        int tableEnd = PageBatchHeader.Bytes + (runs * PageRun.Bytes);
        bool hasData = DataPages > 0;
        int formBytes = DataPages * CodedPayload.FormBytes;
        long payload = formBytes + _deltaBytes + _blocksBytes;
        var header = new PageBatchHeader(
            PageBatchKind.Data, round, stream, runs, sequence, DataPages, zeroPages, payload,
            hasData ? PageBatchHeader.CodedEncoding : PageBatchHeader.PlainEncoding);
        header.WriteAndSeal(_head.GetSpan()[..tableEnd]);
        _forms.GetSpan()[..formBytes].CopyTo(_head.GetSpan()[tableEnd..]);
        PageSegment last = _headSegment;
        _headSegment.Set(_head.First(tableEnd + formBytes), 0);
        last = Append(last, _deltaSegment, _deltas, _deltaBytes);
        last = Append(last, _blockSegment, _blocks, _blocksBytes);
        return new ReadOnlySequence<byte>(_headSegment, 0, last, last.Memory.Length);
    }

    private static PageSegment Append(PageSegment last, PageSegment segment, NativeBuffer buffer, int bytes)
    {
        if (bytes == 0)
        {
            return last;
        }

        segment.SetBehind(last, buffer.First(bytes));
        return segment;
    }

    // SAFETY: index < MaxRunsPerBatch, for which the head has room.
    private Span<byte> Entry(int index) => new(_head.Pointer + PageBatchHeader.Bytes + (index * PageRun.Bytes), PageRun.Bytes);
}
