using System.Buffers;
using System.IO.Pipelines;
using PageEngine.Compression;
using PageEngine.Memory;

namespace PageEngine.Streaming;

// Owns: one page stream at the source as a PipeReader: what is read from it are batches whose payload is guest memory itself.
// One thread at a time; only CancelPendingRead may come from another. Nothing is allocated per page or per batch.

/// <summary>
/// Reads a round as bytes. Each read returns one batch, or what is left of it; the read that returns the round's last
/// bytes, the end-of-round mark, says <see cref="ReadResult.IsCompleted"/>. The reader then rests until the next
/// <see cref="BeginRound"/> or <see cref="BeginEnd"/>. A batch's pages count as sent once all its bytes were consumed.
/// </summary>
internal sealed class PageBatchReader : PipeReader, IDisposable
{
    private readonly int _stream;
    private readonly PageBatch _batch;
    private readonly PageBatchBuilder _builder = new();
    private readonly PageEncoder? _encoder;
    private GuestMemoryHold _hold;
    private PageRound? _round;
    private ReadOnlySequence<byte> _unread;
    private long _sequence;
    private long _batchBytes;
    private int _batchDataPages;
    private bool _isCoded;
    private long _roundDataPages;
    private long _roundZeroPages;
    private long _roundWireBytes;
    private long _dataPages;
    private long _zeroPages;
    private long _wireBytes;
    private int _nextRound;
    private bool _ending;
    private bool _cancelled;
    private bool _disposed;

    /// <param name="memory">The source's memory; held mapped until the reader is disposed.</param>
    /// <param name="stream">The stream's index.</param>
    /// <param name="encoding">How pages are made smaller; null: they go out as they are.</param>
    internal PageBatchReader(GuestMemory memory, int stream, PageEncoding? encoding = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(stream);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(stream, PageBatchLimits.MaxStreams);
        _stream = stream;
        _hold = memory.HoldForIo();
        _batch = new PageBatch(memory);
        _encoder = encoding is null ? null : new PageEncoder(memory, encoding);
    }

    /// <summary>Gets or sets how many pages with bytes a batch may have: 1 to <see cref="PageBatchLimits.MaxPagesPerBatch"/>.</summary>
    internal int MaxDataPages { get; set; } = PageBatchLimits.MaxPagesPerBatch;

    /// <summary>Gets the totals of the round that was read to its end last.</summary>
    internal StreamRoundTotals LastRound { get; private set; }

    /// <summary>Gets whether the pages of what was read last may arrive as they are later. What is coded may not: its buffers
    /// serve the next batch.</summary>
    internal bool MayArriveLater => _round?.MayArriveLater == true && _batch.Kind == PageBatchKind.Data && !_isCoded;

    /// <summary>Gets whether a round or the end of the stream was begun and not yet read to its end.</summary>
    internal bool IsBusy => _round is not null || _ending;

    /// <summary>Starts on a round. Rounds follow each other: 0, 1, 2 and so on.</summary>
    /// <param name="round">The round.</param>
    /// <param name="takesPart">False: the stream has no share in it, and only says so.</param>
    internal void BeginRound(PageRound round, bool takesPart = true)
    {
        ThrowIfBusy();
        if (round.Index != _nextRound)
        {
            throw new InvalidOperationException($"Round {round.Index} cannot follow round {_nextRound - 1} on a page stream.");
        }

        _builder.Begin(round, takesPart);
        _round = round;
        _cancelled = false;
        _roundDataPages = 0;
        _roundZeroPages = 0;
        _roundWireBytes = 0;
    }

    /// <summary>Starts on the end-of-stream mark.</summary>
    internal void BeginEnd()
    {
        ThrowIfBusy();
        _ending = true;
        _cancelled = false;
    }

    /// <inheritdoc/>
    public override bool TryRead(out ReadResult result)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_unread.IsEmpty && IsBusy && !Volatile.Read(ref _cancelled))
        {
            BuildNext();
        }

        // A batch that was begun is read to its end even when cancelled: the stream then stands between two batches.
        bool cancelled = _unread.IsEmpty && Volatile.Read(ref _cancelled);
        bool last = !_unread.IsEmpty && _batch.Kind is (PageBatchKind.EndOfRound or PageBatchKind.EndOfStream);
        result = new ReadResult(_unread, cancelled, last || !IsBusy);
        return true;
    }

    /// <inheritdoc/>
    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        TryRead(out ReadResult result);
        return new ValueTask<ReadResult>(result);
    }

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        if (_unread.IsEmpty)
        {
            return;
        }

        _unread = _unread.Slice(consumed);
        if (_unread.IsEmpty)
        {
            _unread = default;
            CountSent();
        }
    }

    /// <summary>Makes the round end at the next boundary between two batches: the read there says
    /// <see cref="ReadResult.IsCanceled"/>. What was not sent stays pending, and the stream takes no other round. Safe from
    /// any thread.</summary>
    public override void CancelPendingRead() => Volatile.Write(ref _cancelled, true);

    /// <inheritdoc/>
    public override void Complete(Exception? exception = null) => Dispose();

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _unread = default;
            _batch.Dispose();
            _encoder?.Dispose();
            _hold.Dispose();
        }
    }

    /// <summary>Takes note of what the link took, for the choice of an encoding.</summary>
    /// <inheritdoc cref="EncodingChoice.AddLink"/>
    internal void AddLink(long bytes, double nanoseconds, bool wasBusy) => _encoder?.AddLink(bytes, nanoseconds, wasBusy);

    private void BuildNext()
    {
        while (_round is not null && FillBatch(_round, out EncodingPlan plan))
        {
            _isCoded = !plan.IsPlain && _batch.DataPages > 0;
            if (!_isCoded)
            {
                _encoder?.SendsPlain(_batch);
                _batchDataPages = _batch.DataPages;
                _unread = _batch.SealData(_round.Index, _stream, _sequence);
                _batchBytes = _unread.Length;
                return;
            }

            _unread = _encoder!.Encode(_batch, plan, _round.Index, _stream, _sequence);
            _batchDataPages = _encoder.DataPages;
            _batchBytes = _unread.Length;
            if (!_unread.IsEmpty)
            {
                _batch.SetCoded();
                return;
            }

            // The destination has every page of it.
            _batch.ClearFrom(_round.Pending);
        }

        _isCoded = false;
        _batch.Reset();
        _unread = Volatile.Read(ref _cancelled) ? default : _batch.SealMark(Mark());
        _batchBytes = _unread.Length;
    }

    private bool FillBatch(PageRound round, out EncodingPlan plan)
    {
        plan = _encoder?.Next(round) ?? default;
        bool isPlain = plan.IsPlain && !plan.Samples;
        _batch.Reset();
        _builder.Fill(_batch, isPlain ? MaxDataPages : Math.Min(MaxDataPages, PageBatchLimits.MaxPagesPerCodedBatch), ref _cancelled);
        if (plan.Samples && _batch.DataPages > 0)
        {
            plan = _encoder!.Sample(_batch, plan);
        }

        return !_batch.IsEmpty;
    }

    private PageBatchHeader Mark() => _ending
        ? new PageBatchHeader(PageBatchKind.EndOfStream, _nextRound, _stream, 0, _sequence,
            _dataPages, _zeroPages, _wireBytes + PageBatchHeader.Bytes)
        : new PageBatchHeader(PageBatchKind.EndOfRound, _nextRound, _stream, 0, _sequence,
            _roundDataPages, _roundZeroPages, _roundWireBytes + PageBatchHeader.Bytes);

    private void CountSent()
    {
        _sequence++;
        _roundWireBytes += _batchBytes;
        _wireBytes += _batchBytes;
        int dataPages = _batch.Kind == PageBatchKind.Data ? _batchDataPages : 0;
        _round?.AddSent(dataPages, _batch.ZeroPages, _batchBytes);
        switch (_batch.Kind)
        {
            case PageBatchKind.Data:
                _batch.ClearFrom(_round!.Pending);
                _roundDataPages += dataPages;
                _roundZeroPages += _batch.ZeroPages;
                _dataPages += dataPages;
                _zeroPages += _batch.ZeroPages;
                break;
            case PageBatchKind.EndOfRound:
                LastRound = new StreamRoundTotals(_nextRound, _stream, _roundDataPages, _roundZeroPages, _roundWireBytes);
                _round = null;
                _nextRound++;
                break;
            default:
                _ending = false;
                break;
        }
    }

    private void ThrowIfBusy()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (IsBusy)
        {
            throw new InvalidOperationException("The page stream is still in a round.");
        }
    }
}
