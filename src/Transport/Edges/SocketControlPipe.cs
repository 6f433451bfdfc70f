using System.Buffers;
using System.IO.Pipelines;
using PageEngine.Streaming;

namespace PageEngine.Transport.Edges;

// Owns: the control channel's bytes over a socket. One thread does nothing but read; what waits for a frame goes on right on
// that thread, so that no frame of the blackout waits for the thread pool. Frames are sent by the thread that flushes.

/// <summary>A socket as a duplex pipe for control frames.</summary>
internal sealed class SocketControlPipe : IDuplexPipe
{
    private const int ReceiveBytes = 64 * 1024;

    private readonly SocketConnection _connection;
    private readonly Pipe _pipe = new(new PipeOptions(
        readerScheduler: PipeScheduler.Inline,
        writerScheduler: PipeScheduler.Inline,
        useSynchronizationContext: false));

    internal SocketControlPipe(SocketConnection connection)
    {
        _connection = connection;
        Output = new SocketControlWriter(connection);
        connection.StartThread("pageengine-control", Run, onAbort: _pipe.Writer.CancelPendingFlush);
    }

    public PipeReader Input => _pipe.Reader;

    public PipeWriter Output { get; }

    private void Run()
    {
        Exception? failure = null;
        try
        {
            Receive();
        }
#pragma warning disable CA1031 // The reader of the pipe gets it; the thread itself has no caller.
        catch (Exception e)
#pragma warning restore CA1031
        {
            failure = e;
        }

        _pipe.Writer.Complete(failure);
    }

    private void Receive()
    {
        // Outside the heap: the thread is blocked in a receive nearly all the time, and would keep an array pinned.
        using var owner = new NativeBuffer(ReceiveBytes);
        Span<byte> buffer = owner.GetSpan();
        while (true)
        {
            int received = PlainIo.ReceiveSome(_connection.Handle, buffer, out int errno);
            if (_connection.IsAborted)
            {
                throw ConnectionErrors.Aborted(_connection.RemoteDescription);
            }

            if (received < 0)
            {
                throw _connection.Failure(errno, "waiting for control frames");
            }

            if (received == 0)
            {
                return;
            }

            _pipe.Writer.Write(buffer[..received]);
            ValueTask<FlushResult> flush = _pipe.Writer.FlushAsync();
            FlushResult result = flush.IsCompleted ? flush.Result : flush.AsTask().GetAwaiter().GetResult();
            if (result.IsCompleted)
            {
                return;
            }
        }
    }
}
