using PageEngine.Streaming;

namespace PageEngine.Transport.Edges;

// Owns: the receiving thread of one page stream. The batch writer belongs to that thread alone, which frees it when it ends.

/// <summary>Receives batches straight into guest memory.</summary>
internal sealed class SocketPageReceiver : PageReceiver
{
    private readonly SocketConnection _connection;
    private readonly PageBatchWriter _writer;
    private readonly IBatchReceive _receive;
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly int _stream;

    internal SocketPageReceiver(SocketConnection connection, PageApplier applier, int streamIndex, Action<StreamRoundTotals> onRoundEnd, IBatchReceive receive)
    {
        _connection = connection;
        _receive = receive;
        _stream = streamIndex;
        _writer = new PageBatchWriter(applier, streamIndex, onRoundEnd);
        connection.StartThread($"pageengine-receive-{streamIndex}", Run);
    }

    internal override Task Completion => _completion.Task;

    public override ValueTask DisposeAsync() => _connection.DisposeAsync();

    private void Run()
    {
        try
        {
            ReceiveToTheEnd();
            _completion.SetResult();
        }
#pragma warning disable CA1031 // Whatever went wrong belongs to whoever waits for completion; the thread itself has no caller.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            _completion.SetException(failure);
            _ = _completion.Task.Exception; // Who only disposes the receiver does not care how it ended, and need not look.
        }

        _writer.Dispose();
        _receive.Dispose();
    }

    private void ReceiveToTheEnd()
    {
        while (!_writer.HasEnded)
        {
            int received = _receive.Receive(_connection.Handle, _writer, out int errno);
            if (received <= 0)
            {
                throw received == 0
                    ? _connection.UnexpectedEnd(StreamEnd.Describe(_writer, _stream))
                    : _connection.Failure(errno, $"stream {_stream} received pages");
            }
        }
    }
}
