using System.Buffers;
using System.Diagnostics;
using PageEngine.Compression;
using PageEngine.Memory;

namespace PageEngine.Streaming;

// Owns: one stream's encoding: asks how the next batch goes out, tries the encoders on a piece of it, and makes its coded form.
// One thread: the stream's.

internal sealed unsafe class PageEncoder : IDisposable
{
    private const int SampleBytes = PageBatchLimits.PagesPerBlock * MemoryLayout.PageBytes;

    private readonly GuestMemory _memory;
    private readonly PageEncoding _encoding;
    private readonly EncodingChoice _choice;
    private readonly BlockCompressor _compressor = new();
    private CodedBatch? _coded;
    private NativeBuffer? _sample;
    private int _nextSample;

    /// <param name="memory">The source's memory.</param>
    /// <param name="encoding">The migration's; kept usable until this is disposed.</param>
    internal PageEncoder(GuestMemory memory, PageEncoding encoding)
    {
        _memory = memory;
        _encoding = encoding;
        _choice = new EncodingChoice(encoding.Compression, encoding.Cache is not null, encoding.LinkLimitBytesPerSecond);
        encoding.Cache?.AddUser();
    }

    /// <summary>Gets the pages with bytes in the batch that was coded last.</summary>
    internal int DataPages => _coded!.DataPages;

    /// <summary>Decides how the next batch goes out.</summary>
    internal EncodingPlan Next(PageRound round) => _choice.Next(round.Index, round.IsFirst);

    /// <summary>Tries the encoders on some pages of a batch, and decides anew.</summary>
    internal EncodingPlan Sample(PageBatch batch, EncodingPlan plan)
    {
        long began = Stopwatch.GetTimestamp();
        _sample ??= new NativeBuffer(2 * SampleBytes);
        ReadOnlySpan<byte> block = _sample.GetSpan()[..CopySample(batch)];
        Span<byte> target = _sample.GetSpan()[SampleBytes..];
        if (block.IsEmpty)
        {
            return plan;
        }

        Try(BlockCodec.Lz4, block, target);
        Try(BlockCodec.Zstd, block, target);
        _encoding.Add(new EncodingCounts { EncodingTime = Stopwatch.GetElapsedTime(began), SamplingTime = Stopwatch.GetElapsedTime(began) });
        return _choice.Decide(plan);
    }

    /// <summary>Makes the coded form of a batch.</summary>
    /// <returns>The bytes to send; empty: the destination has all of it.</returns>
    internal ReadOnlySequence<byte> Encode(PageBatch batch, EncodingPlan plan, int round, int stream, long sequence)
    {
        _coded ??= new CodedBatch(_memory, _compressor);
        ReadOnlySequence<byte> bytes = _coded.Encode(batch, plan, _encoding.Cache, _choice, round, stream, sequence);
        _encoding.Add(_coded.Counts);
        return bytes;
    }

    /// <summary>Takes note that the pages of a batch go out as they are in guest memory: what was kept of them is out of date.</summary>
    internal void SendsPlain(PageBatch batch)
    {
        if (_encoding.Cache is { HasEntries: true } cache)
        {
            int runs = batch.CloseRuns();
            for (int i = 0; i < runs; i++)
            {
                cache.Forget(batch.RunAt(i).Range);
            }
        }
    }

    /// <inheritdoc cref="EncodingChoice.AddLink"/>
    internal void AddLink(long bytes, double nanoseconds, bool wasBusy) => _choice.AddLink(bytes, nanoseconds, wasBusy);

    public void Dispose()
    {
        _coded?.Dispose();
        ((IDisposable?)_sample)?.Dispose();
        _compressor.Dispose();
        _encoding.Cache?.Dispose();
    }

    private void Try(BlockCodec codec, ReadOnlySpan<byte> block, Span<byte> target)
    {
        if (!_choice.IsWorthASample(codec))
        {
            return;
        }

        long began = Stopwatch.GetTimestamp();
        int length = _compressor.Compress(codec, block, target);
        _choice.AddBlocks(codec, block.Length, length == 0 ? block.Length : length, Stopwatch.GetElapsedTime(began).TotalNanoseconds);
    }

    // From another place of the batch each time.
    private int CopySample(PageBatch batch)
    {
        int pages = Math.Min(batch.DataPages, PageBatchLimits.PagesPerBlock);
        int skip = batch.DataPages == pages ? 0 : (int)(unchecked((uint)_nextSample++ * 2_654_435_761u) % (uint)(batch.DataPages - pages + 1));
        int copied = 0;
        int runs = batch.CloseRuns();
        for (int i = 0; i < runs && copied < pages; i++)
        {
            PageRun run = batch.RunAt(i);
            if (run.IsZero)
            {
                continue;
            }

            int from = Math.Min(skip, run.Count);
            skip -= from;
            int count = Math.Min(run.Count - from, pages - copied);
            if (count > 0)
            {
                // SAFETY: the run lies within one region, and the stream holds the memory mapped; the sample has room for a block.
                new ReadOnlySpan<byte>(_memory.PagePointer(run.Start + from), count * MemoryLayout.PageBytes)
                    .CopyTo(_sample!.GetSpan()[(copied * MemoryLayout.PageBytes)..]);
                copied += count;
            }
        }

        return copied * MemoryLayout.PageBytes;
    }
}
