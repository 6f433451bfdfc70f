using System.Buffers;
using System.Diagnostics;
using System.IO.Pipelines;
using PageEngine.Memory;
using PageEngine.Streaming;

namespace PageEngine.Transport.Edges;

// Owns: one page stream at the source over a pipe. A round is one asynchronous loop; rounds do not overlap.

/// <summary>Copies batches into a pipe.</summary>
internal sealed class PipePageSender : PageSender
{
    /// <summary>Bytes after which the pipe is asked to take what it has: bounds what it buffers.</summary>
    private const int FlushBytes = 256 * 1024;

    private readonly PipeConnection _connection;
    private readonly BandwidthPacer _pacer;
    private readonly StreamGate? _gate;
    private readonly int _stream;
    private readonly PageBatchReader _reader;
    private readonly string _doing;
    private Task _loop = Task.CompletedTask;

    internal PipePageSender(PipeConnection connection, GuestMemory memory, int streamIndex, PageSending sending)
    {
        _connection = connection;
        _pacer = sending.Pacer;
        _gate = sending.Gate;
        _stream = streamIndex;
        _doing = $"stream {streamIndex} sent pages";
        _reader = new PageBatchReader(memory, streamIndex, sending.Encoding) { MaxDataPages = _pacer.MaxBatchPages };
    }

    internal override async Task<StreamRoundTotals> SendRoundAsync(PageRound round, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var wake = new CancellationTokenSource();
        Task job = Start(() => _reader.BeginRound(round, _gate is null || _stream < _gate.Active), wake.Token);
        using var cancellation = new RoundCancellation(_pacer.Time, () => Interrupt(wake), _connection.Abort, cancellationToken);
        try
        {
            await job.ConfigureAwait(false);
            return _reader.LastRound;
        }
        catch (MigrationException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException("The round was cancelled, and the connection with it.", cancellationToken);
        }
    }

    internal override async Task FinishAsync()
    {
        await Start(_reader.BeginEnd, CancellationToken.None).ConfigureAwait(false);
        await _connection.Output.CompleteAsync().ConfigureAwait(false);
    }

    public override async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync().ConfigureAwait(false);
        await _loop.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default).ConfigureAwait(false);
        _reader.Dispose();
    }

    private Task Start(Action begin, CancellationToken wake)
    {
        if (_connection.IsAborted)
        {
            throw ConnectionErrors.Aborted(_connection.RemoteDescription);
        }

        begin();
        Task loop = Task.Run(() => SendToTheMarkAsync(wake), CancellationToken.None);
        _loop = loop;
        _connection.AddLoop(loop.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default));
        return loop;
    }

    private void Interrupt(CancellationTokenSource wake)
    {
        _reader.CancelPendingRead();
        wake.Cancel();
    }

    private async Task SendToTheMarkAsync(CancellationToken wake)
    {
        ReadResult read;
        do
        {
            _reader.TryRead(out read);
            if (read.IsCanceled)
            {
                throw new OperationCanceledException("The round was cancelled between two batches.");
            }

            TimeSpan wait = _pacer.Reserve(read.Buffer.Length);
            if (wait > TimeSpan.Zero)
            {
                using var either = CancellationTokenSource.CreateLinkedTokenSource(wake, _connection.AbortToken);
                await Task.Delay(wait, _pacer.Time, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            long began = Stopwatch.GetTimestamp();
            await SendAsync(read.Buffer).ConfigureAwait(false);
            _reader.AddLink(read.Buffer.Length, Stopwatch.GetElapsedTime(began).TotalNanoseconds + 1, wasBusy: true);
            _reader.AdvanceTo(read.Buffer.End);
        }
        while (!read.IsCompleted);
    }

    private async ValueTask SendAsync(ReadOnlySequence<byte> batch)
    {
        int unflushed = 0;
        foreach (ReadOnlyMemory<byte> segment in batch)
        {
            for (int done = 0; done < segment.Length;)
            {
                int piece = Math.Min(segment.Length - done, FlushBytes - unflushed);
                _connection.Output.Write(segment.Span.Slice(done, piece));
                done += piece;
                unflushed += piece;
                if (unflushed == FlushBytes)
                {
                    await _connection.FlushAsync(_doing).ConfigureAwait(false);
                    unflushed = 0;
                }
            }
        }

        await _connection.FlushAsync(_doing).ConfigureAwait(false);
    }
}
