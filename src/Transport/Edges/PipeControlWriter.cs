using System.IO.Pipelines;

namespace PageEngine.Transport.Edges;

// Owns: nothing but the translation of what a foreign pipe's writer throws.

internal sealed class PipeControlWriter(PipeConnection connection) : PipeWriter
{
    public override bool CanGetUnflushedBytes => connection.Output.CanGetUnflushedBytes;

    public override long UnflushedBytes => connection.Output.UnflushedBytes;

    public override Memory<byte> GetMemory(int sizeHint = 0) => connection.Output.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => connection.Output.GetSpan(sizeHint);

    public override void Advance(int bytes) => connection.Output.Advance(bytes);

    public override async ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        FlushResult result;
        try
        {
            result = await connection.Output.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            throw connection.Failure(e, "sending control frames");
        }

        return connection.IsAborted ? throw ConnectionErrors.Aborted(connection.RemoteDescription) : result;
    }

    public override void CancelPendingFlush() => connection.Output.CancelPendingFlush();

    public override void Complete(Exception? exception = null) => connection.Output.Complete(exception);
}
