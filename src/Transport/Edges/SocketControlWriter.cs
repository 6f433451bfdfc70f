using System.Buffers;
using System.IO.Pipelines;

namespace PageEngine.Transport.Edges;

// Owns: the unsent bytes of the control channel. One thread at a time writes and flushes; the flush is the send itself.

internal sealed class SocketControlWriter(SocketConnection connection) : PipeWriter
{
    private const int InitialBytes = 64 * 1024;

    private readonly ArrayBufferWriter<byte> _unsent = new(InitialBytes);
    private bool _completed;

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _unsent.WrittenCount;

    public override Memory<byte> GetMemory(int sizeHint = 0) => _unsent.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => _unsent.GetSpan(sizeHint);

    public override void Advance(int bytes) => _unsent.Advance(bytes);

    /// <summary>Sends on the calling thread, and blocks while the other end does not read: until the connection is aborted,
    /// or its timeout for unacknowledged bytes ends it.</summary>
    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        if (_completed)
        {
            return new ValueTask<FlushResult>(new FlushResult(isCanceled: false, isCompleted: true));
        }

        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<FlushResult>(cancellationToken);
        }

        int errno = Send();
        return errno == 0
            ? new ValueTask<FlushResult>(new FlushResult(isCanceled: false, isCompleted: false))
            : ValueTask.FromException<FlushResult>(connection.Failure(errno, "sending control frames"));
    }

    public override void CancelPendingFlush()
    {
    }

    public override void Complete(Exception? exception = null)
    {
        if (!_completed)
        {
            _completed = true;
            _ = exception is null ? Send() : 0;
            connection.ShutdownSend();
        }
    }

    private int Send()
    {
        int errno = PlainIo.Send(connection.Handle, _unsent.WrittenSpan);
        _unsent.ResetWrittenCount();
        return errno;
    }
}
