using System.Buffers;
using System.IO.Pipelines;
using PageEngine.Streaming;

namespace PageEngine.Transport.Edges;

// Owns: one page stream at the destination over a pipe: one asynchronous loop, which owns the batch writer.

/// <summary>Copies what a pipe holds into guest memory.</summary>
internal sealed class PipePageReceiver : PageReceiver
{
    private readonly PipeConnection _connection;
    private readonly PageBatchWriter _writer;
    private readonly int _stream;

    internal PipePageReceiver(PipeConnection connection, PageApplier applier, int streamIndex, Action<StreamRoundTotals> onRoundEnd)
    {
        _connection = connection;
        _stream = streamIndex;
        _writer = new PageBatchWriter(applier, streamIndex, onRoundEnd);
        Completion = Task.Run(RunAsync);
        // Who only disposes the receiver does not care how it ended, and need not look.
        connection.AddLoop(Completion.ContinueWith(static ended => _ = ended.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default));
    }

    internal override Task Completion { get; }

    public override ValueTask DisposeAsync() => _connection.DisposeAsync();

    private async Task RunAsync()
    {
        try
        {
            await ReceiveToTheEndAsync().ConfigureAwait(false);
        }
        finally
        {
            _writer.Dispose();
        }
    }

    private async Task ReceiveToTheEndAsync()
    {
        while (!_writer.HasEnded)
        {
            ReadResult read;
            try
            {
                read = await _connection.Input.ReadAsync(_connection.AbortToken).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                throw _connection.Failure(e, $"stream {_stream} received pages");
            }

            foreach (ReadOnlyMemory<byte> segment in read.Buffer)
            {
                Apply(segment.Span);
            }

            _connection.Input.AdvanceTo(read.Buffer.End);
            if ((read.IsCompleted || read.IsCanceled) && !_writer.HasEnded)
            {
                throw _connection.UnexpectedEnd(StreamEnd.Describe(_writer, _stream));
            }
        }
    }

    private void Apply(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && !_writer.HasEnded)
        {
            Span<byte> place = _writer.GetSpan();
            int piece = Math.Min(place.Length, bytes.Length);
            bytes[..piece].CopyTo(place);
            _writer.Advance(piece);
            bytes = bytes[piece..];
        }
    }
}
