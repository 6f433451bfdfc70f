using PageEngine.Memory;

namespace PageEngine.Streaming;

// Owns: the rules of a page stream as its reader sees them: limits, layout, order of batches, rounds and pages. No I/O and
// no guest memory: what it accepts may be touched, what it refuses was not. One thread: the stream's.

/// <summary>Checks the heads of one stream's batches, one after the other.</summary>
internal sealed class PageBatchDecoder
{
    private readonly long[] _regionEnds;
    private readonly int _stream;
    private int _region;
    private long _nextPage;
    private long _nextSequence;
    private int _round;
    private Counts _inRound;
    private Counts _inStream;

    /// <param name="layout">The guest's memory.</param>
    /// <param name="stream">The stream's index.</param>
    internal PageBatchDecoder(MemoryLayout layout, int stream)
    {
        _stream = stream;
        _regionEnds = new long[layout.Regions.Count];
        long end = 0;
        for (int i = 0; i < _regionEnds.Length; i++)
        {
            end += layout.Regions[i].PageCount;
            _regionEnds[i] = end;
        }
    }

    /// <summary>Gets whether the stream has ended in good order.</summary>
    internal bool Ended { get; private set; }

    /// <summary>Gets the totals of the round whose end was accepted last.</summary>
    internal StreamRoundTotals LastRound { get; private set; }

    /// <summary>Checks a whole head against the order, the limits and the layout, and counts it.</summary>
    /// <param name="header">The header as <see cref="PageBatchHeader.Read"/> returned it.</param>
    /// <param name="head">Header and run table; its checksum is overwritten.</param>
    /// <exception cref="MigrationException">The batch breaks a rule. The stream cannot be read on.</exception>
    internal void Accept(in PageBatchHeader header, Span<byte> head)
    {
        PageBatchHeader.CheckSeal(head);
        if (Ended)
        {
            throw StreamViolation.Of("a batch follows the end of the stream");
        }

        if (header.Stream != _stream)
        {
            throw StreamViolation.Of($"a batch of stream {header.Stream} came on stream {_stream}");
        }

        if (header.Sequence != _nextSequence)
        {
            throw StreamViolation.Of($"batch {header.Sequence} came where batch {_nextSequence} was due");
        }

        if (header.Round != _round)
        {
            throw StreamViolation.Of($"a batch of round {header.Round} came in round {_round}");
        }

        _nextSequence++;
        switch (header.Kind)
        {
            case PageBatchKind.Data:
                AcceptRuns(header, head[PageBatchHeader.Bytes..]);
                _inRound = _inRound.Plus(header.DataPages, header.ZeroPages, head.Length + header.PayloadBytes);
                break;
            case PageBatchKind.EndOfRound:
                AcceptEndOfRound(header);
                break;
            default:
                AcceptEndOfStream(header);
                break;
        }
    }

    private void AcceptRuns(in PageBatchHeader header, ReadOnlySpan<byte> table)
    {
        long dataPages = 0;
        long zeroPages = 0;
        for (; !table.IsEmpty; table = table[PageRun.Bytes..])
        {
            PageRun run = PageRun.Read(table);
            CheckPlace(run);
            _nextPage = run.End;
            if (run.IsZero)
            {
                zeroPages += run.Count;
            }
            else
            {
                dataPages += run.Count;
            }
        }

        if (dataPages > PageBatchLimits.MaxPagesPerBatch || zeroPages > PageBatchLimits.MaxZeroPagesPerBatch)
        {
            throw StreamViolation.Of($"a batch has {dataPages} pages and {zeroPages} zero pages; at most {PageBatchLimits.MaxPagesPerBatch} and {PageBatchLimits.MaxZeroPagesPerBatch} are allowed");
        }

        bool isCoded = header.Encoding == PageBatchHeader.CodedEncoding;
        if (isCoded && dataPages is 0 or > PageBatchLimits.MaxPagesPerCodedBatch)
        {
            throw StreamViolation.Of($"a coded batch has {dataPages} pages; 1 to {PageBatchLimits.MaxPagesPerCodedBatch} are allowed");
        }

        bool fits = isCoded ? CodedPayload.MayHave(header.PayloadBytes, dataPages) : header.PayloadBytes == dataPages * MemoryLayout.PageBytes;
        if (dataPages != header.DataPages || zeroPages != header.ZeroPages || !fits)
        {
            throw StreamViolation.Of($"a batch's runs hold {dataPages} pages and {zeroPages} zero pages, its header says {header.DataPages}, {header.ZeroPages} and {header.PayloadBytes} bytes");
        }
    }

    // Pages ascend within a stream's round: a page cannot come twice, and a round cannot go on for ever.
    private void CheckPlace(PageRun run)
    {
        if (run.Count == 0)
        {
            throw StreamViolation.Of($"a run at page {run.Start} is empty");
        }

        if (run.Start < _nextPage)
        {
            throw StreamViolation.Of($"a run starts at page {run.Start}, but the round has passed page {_nextPage} on this stream");
        }

        if (run.End > _regionEnds[^1])
        {
            throw StreamViolation.Of($"a run of {run.Count} pages from page {run.Start} lies outside the guest's {_regionEnds[^1]} pages");
        }

        while (_regionEnds[_region] <= run.Start)
        {
            _region++;
        }

        if (run.End > _regionEnds[_region])
        {
            throw StreamViolation.Of($"a run of {run.Count} pages from page {run.Start} crosses the end of a region at page {_regionEnds[_region]}");
        }
    }

    private void AcceptEndOfRound(in PageBatchHeader header)
    {
        Counts counted = _inRound.Plus(0, 0, PageBatchHeader.Bytes);
        counted.Check(header, "a round");
        LastRound = new StreamRoundTotals(_round, _stream, counted.DataPages, counted.ZeroPages, counted.WireBytes);
        _inStream = _inStream.Plus(counted.DataPages, counted.ZeroPages, counted.WireBytes);
        _inRound = default;
        _nextPage = 0;
        _region = 0;
        _round++;
    }

    private void AcceptEndOfStream(in PageBatchHeader header)
    {
        if (_inRound != default)
        {
            throw StreamViolation.Of($"the stream ends in the middle of round {_round}");
        }

        _inStream.Plus(0, 0, PageBatchHeader.Bytes).Check(header, "a stream");
        Ended = true;
    }

    private readonly record struct Counts(long DataPages, long ZeroPages, long WireBytes)
    {
        internal Counts Plus(long dataPages, long zeroPages, long wireBytes) =>
            new(DataPages + dataPages, ZeroPages + zeroPages, WireBytes + wireBytes);

        internal void Check(in PageBatchHeader header, string what)
        {
            if (header.DataPages != DataPages || header.ZeroPages != ZeroPages || header.PayloadBytes != WireBytes)
            {
                throw StreamViolation.Of($"in round {header.Round} the totals of {what} are {header.DataPages} pages, {header.ZeroPages} zero pages and {header.PayloadBytes} bytes, but {DataPages}, {ZeroPages} and {WireBytes} arrived");
            }
        }
    }
}
