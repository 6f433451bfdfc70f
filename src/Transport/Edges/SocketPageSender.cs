using System.IO.Pipelines;
using PageEngine.Memory;
using PageEngine.Streaming;

namespace PageEngine.Transport.Edges;

// Owns: the sending thread of one page stream. The batch reader belongs to that thread from a round's start to its end, and to
// the caller between rounds; the thread frees it when it ends.

/// <summary>Sends batches as gathered sends straight from guest memory.</summary>
internal sealed class SocketPageSender : PageSender
{
    private readonly SocketConnection _connection;
    private readonly BandwidthPacer _pacer;
    private readonly StreamGate? _gate;
    private readonly int _stream;
    private readonly PageBatchReader _reader;
    private readonly IBatchSend _send;
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _work = new(0);
    private readonly ManualResetEventSlim _interrupt = new();
    private readonly string _doing;
    private SocketLinkMeter _meter;
    private PageRound? _gated;
    private TaskCompletionSource<StreamRoundTotals>? _job;
    private bool _ended;

    internal SocketPageSender(SocketConnection connection, GuestMemory memory, int streamIndex, PageSending sending, IBatchSend send)
    {
        _connection = connection;
        _send = send;
        _pacer = sending.Pacer;
        _gate = sending.Gate;
        _stream = streamIndex;
        _doing = $"stream {streamIndex} sent pages";
        _reader = new PageBatchReader(memory, streamIndex, sending.Encoding) { MaxDataPages = _pacer.MaxBatchPages };
        connection.StartThread($"pageengine-send-{streamIndex}", Run, onAbort: Wake);
    }

    internal override async Task<StreamRoundTotals> SendRoundAsync(PageRound round, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _interrupt.Reset();
        Task<StreamRoundTotals> job = Post(reader => reader.BeginRound(round, _gate?.TakesPart(_stream, round) ?? true), _gate is not null && round.DirtyPages >= StreamGate.MinPages ? round : null);
        using var cancellation = new RoundCancellation(_pacer.Time, Interrupt, _connection.Abort, cancellationToken);
        try
        {
            return await job.ConfigureAwait(false);
        }
        catch (MigrationException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException("The round was cancelled, and the connection with it.", cancellationToken);
        }
    }

    internal override async Task FinishAsync()
    {
        await Post(static reader => reader.BeginEnd()).ConfigureAwait(false);
        _connection.ShutdownSend();
    }

    public override ValueTask DisposeAsync() => _connection.DisposeAsync();

    // Where there is a gate, a large round is measured and waited for.
    private Task<StreamRoundTotals> Post(Action<PageBatchReader> begin, PageRound? gated = null)
    {
        var job = new TaskCompletionSource<StreamRoundTotals>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (_ended || _connection.IsAborted)
            {
                job.SetException(ConnectionErrors.Aborted(_connection.RemoteDescription));
                return job.Task;
            }

            begin(_reader);
            _gated = gated;
            _job = job;
        }

        _work.Release();
        return job.Task;
    }

    private void Interrupt()
    {
        _reader.CancelPendingRead();
        _interrupt.Set();
        _gate?.Wake();
    }

    private void Wake()
    {
        Interrupt();
        _work.Release();
    }

    private void Run()
    {
        while (true)
        {
            _work.Wait();
            TaskCompletionSource<StreamRoundTotals>? job = Interlocked.Exchange(ref _job, null);
            if (job is not null)
            {
                Run(job);
            }

            // A job may be posted between these lines and the abort: it then fails at its first system call.
            lock (_lock)
            {
                if (_connection.IsAborted && _job is null)
                {
                    _ended = true;
                    break;
                }
            }
        }

        _reader.Dispose();
        _send.Dispose();
    }

    private void Run(TaskCompletionSource<StreamRoundTotals> job)
    {
        try
        {
            SendToTheMark();
            job.SetResult(_reader.LastRound);
        }
        catch (OperationCanceledException cancelled)
        {
            job.SetException(cancelled);
        }
#pragma warning disable CA1031 // Whatever went wrong belongs to whoever waits for the round; the thread itself has no caller.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            job.SetException(failure);
        }
    }

    private void SendToTheMark()
    {
        ReadResult read;
        _meter.Restart();
        PageRound? gated = _gated;
        if (gated is not null && _stream == 0)
        {
            _gate!.BeginRound();
        }

        do
        {
            if (gated is not null)
            {
                _gate!.Wait(_stream, gated, _interrupt);
            }

            _reader.TryRead(out read);
            if (_connection.IsAborted)
            {
                throw ConnectionErrors.Aborted(_connection.RemoteDescription);
            }

            if (read.IsCanceled)
            {
                throw new OperationCanceledException("The round was cancelled between two batches.");
            }

            TimeSpan wait = _pacer.Reserve(read.Buffer.Length);
            if (wait > TimeSpan.Zero)
            {
                _interrupt.Wait(wait);
            }

            _meter.BeforeSend(_connection.Handle);
            int errno = _send.Send(_connection.Handle, read.Buffer, _reader.MayArriveLater);
            if (errno != 0)
            {
                throw _connection.Failure(errno, _doing);
            }

            if (_meter.AfterSend(_connection.Handle, read.Buffer.Length, out LinkSample sample))
            {
                _reader.AddLink(sample.Bytes, sample.Nanoseconds, sample.WasBusy);
            }

            _reader.AdvanceTo(read.Buffer.End);
            if (gated is not null)
            {
                _gate!.AddSent(read.Buffer.Length);
            }
        }
        while (!read.IsCompleted);
        if (gated is not null)
        {
            // There is nothing left to claim: whoever waited for a share has none.
            _gate!.Wake();
        }
    }
}
