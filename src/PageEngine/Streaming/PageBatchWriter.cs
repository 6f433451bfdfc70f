using System.IO.Pipelines;
using PageEngine.Memory;

namespace PageEngine.Streaming;

// Owns: one page stream at the destination as a PipeWriter: the memory it hands out for a batch's payload is the guest's own,
// and only after the batch's head was checked. One thread at a time. Nothing is allocated per page or per batch.

/// <summary>
/// Takes a stream's bytes. <see cref="GetMemory"/> hands out the place where the next bytes belong and never more than
/// that, whatever the size hint says; <see cref="Advance"/> throws <see cref="MigrationException"/> when they break the
/// protocol. Zero pages are applied when their batch's head is complete; a round's end is reported when everything before
/// it is in guest memory.
/// </summary>
internal sealed unsafe class PageBatchWriter : PipeWriter, IDisposable
{
    private readonly PageApplier _applier;
    private readonly GuestMemory _memory;
    private readonly PageBatchDecoder _decoder;
    private readonly Action<StreamRoundTotals> _onRoundEnd;
    private readonly NativeBuffer _head = new(PageBatchLimits.MaxHeadBytes);
    private GuestMemoryHold _hold;
    private CodedPayload? _coded;
    private PageBatchHeader _header;
    private Place _place = Place.Header;
    private int _headBytes;
    private int _runIndex;
    private PageRun _run;
    private long _runBytes;
    private bool _disposed;

    /// <param name="applier">The destination's memory; its memory is held mapped until the writer is disposed.</param>
    /// <param name="stream">The stream's index.</param>
    /// <param name="onRoundEnd">Called by <see cref="Advance"/> at the end of each round.</param>
    internal PageBatchWriter(PageApplier applier, int stream, Action<StreamRoundTotals> onRoundEnd)
    {
        _applier = applier;
        _memory = applier.Memory;
        _decoder = new PageBatchDecoder(_memory.Layout, stream);
        _onRoundEnd = onRoundEnd;
        _hold = _memory.HoldForIo();
        applier.AddUser();
    }

    private enum Place
    {
        Header,
        Table,
        Payload,
        Coded,
        Ended,
        Refused,
    }

    /// <summary>Gets whether the stream has ended in good order: no more bytes may come.</summary>
    internal bool HasEnded => _place == Place.Ended;

    /// <summary>Gets whether the last batch is complete.</summary>
    internal bool IsBetweenBatches => _place == Place.Header && _headBytes == 0;

    /// <inheritdoc/>
    public override bool CanGetUnflushedBytes => true;

    /// <summary>Gets 0: what was advanced over is in its place already.</summary>
    public override long UnflushedBytes => 0;

    /// <inheritdoc/>
    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        CheckOpen();
        if (_place == Place.Coded)
        {
            return _coded!.Buffer.Memory[(int)_runBytes..(int)_header.PayloadBytes];
        }

        if (_place != Place.Payload)
        {
            return _head.Memory[_headBytes..HeadEnd];
        }

        long page = _run.Start + (_runBytes / MemoryLayout.PageBytes);
        long pages = Math.Min(_run.End, _memory.WindowEndOf(page)) - page;
        return _memory.MemoryOf(page, (int)pages)[(int)(_runBytes % MemoryLayout.PageBytes)..];
    }

    /// <inheritdoc/>
    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    /// <summary>Describes where the next bytes belong, as far ahead as it is known: the rest of a head, or of a payload.</summary>
    /// <param name="vectors">Receives the pieces.</param>
    /// <param name="max">Room for how many; at least 1.</param>
    /// <returns>How many pieces.</returns>
    internal int GetVectors(IoVector* vectors, int max)
    {
        CheckOpen();
        if (_place == Place.Coded)
        {
            // SAFETY: the buffer has room for the longest payload, which the decoder has checked.
            vectors[0] = new IoVector { Start = _coded!.Buffer.Pointer + _runBytes, Bytes = (nuint)(_header.PayloadBytes - _runBytes) };
            return 1;
        }

        if (_place != Place.Payload)
        {
            // SAFETY: the head has room for the longest table, and HeadEnd is bounded by its limit.
            vectors[0] = new IoVector { Start = _head.Pointer + _headBytes, Bytes = (nuint)(HeadEnd - _headBytes) };
            return 1;
        }

        int count = 0;
        int index = _runIndex;
        PageRun run = _run;
        long skip = _runBytes;
        do
        {
            // SAFETY: the decoder accepted the run: it lies within one region, whose pages follow each other in memory.
            vectors[count++] = new IoVector
            {
                Start = _memory.PagePointer(run.Start) + skip,
                Bytes = (nuint)(BytesOf(run) - skip),
            };
            skip = 0;
        }
        while (count < max && NextDataRun(ref index, out run));
        return count;
    }

    /// <inheritdoc/>
    public override void Advance(int bytes)
    {
        CheckOpen();
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        if (_place == Place.Payload)
        {
            AdvancePayload(bytes);
            return;
        }

        if (_place == Place.Coded)
        {
            AdvanceCoded(bytes);
            return;
        }

        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, HeadEnd - _headBytes);
        _headBytes += bytes;
        if (_place == Place.Header && _headBytes == PageBatchHeader.Bytes)
        {
            _place = Place.Refused; // and stays so if this throws
            _header = PageBatchHeader.Read(_head.GetSpan()[.._headBytes]);
            _place = Place.Table;
        }

        if (_place == Place.Table && _headBytes == HeadEnd)
        {
            _place = Place.Refused;
            _decoder.Accept(_header, _head.GetSpan()[.._headBytes]);
            EnterBatch();
        }
    }

    /// <inheritdoc/>
    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) =>
        new(new FlushResult(isCanceled: false, isCompleted: HasEnded));

    /// <inheritdoc/>
    public override void CancelPendingFlush()
    {
    }

    /// <inheritdoc/>
    public override void Complete(Exception? exception = null) => Dispose();

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            ((IDisposable)_head).Dispose();
            _coded?.Dispose();
            _applier.ReleaseUser();
            _hold.Dispose();
        }
    }

    /// <summary>Gets whether bytes lie in the buffer of coded payloads.</summary>
    internal bool IsInCodedBuffer(byte* start, int bytes) =>
        _coded is { } coded && start >= coded.Buffer.Pointer && start + bytes <= coded.Buffer.Pointer + coded.Buffer.GetSpan().Length;

    private int HeadEnd => PageBatchHeader.Bytes + (_place == Place.Table ? _header.TableBytes : 0);

    private static long BytesOf(PageRun run) => (long)run.Count * MemoryLayout.PageBytes;

    private void EnterBatch()
    {
        switch (_header.Kind)
        {
            case PageBatchKind.Data:
                _applier.BeginBatch();
                for (int i = 0; i < _header.Runs; i++)
                {
                    PageRun run = RunAt(i);
                    if (run.IsZero)
                    {
                        _applier.ApplyZeros(run.Range);
                    }
                    else
                    {
                        _applier.BeginData(run.Range);
                    }
                }

                _runIndex = 0;
                _runBytes = 0;
                if (_header.Encoding == PageBatchHeader.CodedEncoding)
                {
                    _coded ??= new CodedPayload();
                    _place = Place.Coded;
                    break;
                }

                EnterNextDataRun();
                break;
            case PageBatchKind.EndOfRound:
                EnterHeader();
                _onRoundEnd(_decoder.LastRound);
                break;
            default:
                _place = Place.Ended;
                break;
        }
    }

    private void AdvancePayload(long bytes)
    {
        while (bytes > 0)
        {
            if (_place != Place.Payload)
            {
                throw new ArgumentOutOfRangeException(nameof(bytes), bytes, "More bytes than the batch's payload has.");
            }

            long taken = Math.Min(bytes, BytesOf(_run) - _runBytes);
            _runBytes += taken;
            bytes -= taken;
            if (_runBytes == BytesOf(_run))
            {
                _applier.EndData(_run.Range);
                EnterNextDataRun();
            }
        }
    }

    private void AdvanceCoded(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, _header.PayloadBytes - _runBytes);
        _runBytes += bytes;
        if (_runBytes < _header.PayloadBytes)
        {
            return;
        }

        _place = Place.Refused; // and stays so if this throws
        ReadOnlySpan<byte> table = _head.GetSpan().Slice(PageBatchHeader.Bytes, _header.TableBytes);
        _coded!.Apply(_applier, table, (int)_header.DataPages, (int)_header.PayloadBytes);
        while (NextDataRun(ref _runIndex, out PageRun run))
        {
            _applier.EndData(run.Range);
        }

        _applier.EndBatch();
        EnterHeader();
    }

    private void EnterNextDataRun()
    {
        _runBytes = 0;
        if (NextDataRun(ref _runIndex, out _run))
        {
            _place = Place.Payload;
        }
        else
        {
            _applier.EndBatch();
            EnterHeader();
        }
    }

    private void EnterHeader()
    {
        _place = Place.Header;
        _headBytes = 0;
    }

    private bool NextDataRun(ref int index, out PageRun run)
    {
        run = default;
        while (index < _header.Runs)
        {
            run = RunAt(index++);
            if (!run.IsZero)
            {
                return true;
            }
        }

        return false;
    }

    // SAFETY: index < Runs, which was checked against the limit that the head has room for.
    private PageRun RunAt(int index) =>
        PageRun.Read(new ReadOnlySpan<byte>(_head.Pointer + PageBatchHeader.Bytes + (index * PageRun.Bytes), PageRun.Bytes));

    private void CheckOpen()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_place is Place.Ended or Place.Refused)
        {
            throw new InvalidOperationException(_place == Place.Ended ? "The page stream has ended." : "The page stream was refused.");
        }
    }
}
