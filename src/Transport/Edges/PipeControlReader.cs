using System.IO.Pipelines;

namespace PageEngine.Transport.Edges;

// Owns: nothing but the translation of what a foreign pipe's reader throws.

internal sealed class PipeControlReader(PipeConnection connection) : PipeReader
{
    public override bool TryRead(out ReadResult result)
    {
        bool read = connection.Input.TryRead(out result);
        ThrowIfAborted();
        return read;
    }

    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        ReadResult result;
        try
        {
            result = await connection.Input.ReadAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            throw connection.Failure(e, "waiting for control frames");
        }

        ThrowIfAborted();
        return result;
    }

    public override void AdvanceTo(SequencePosition consumed) => connection.Input.AdvanceTo(consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) =>
        connection.Input.AdvanceTo(consumed, examined);

    public override void CancelPendingRead() => connection.Input.CancelPendingRead();

    public override void Complete(Exception? exception = null) => connection.Input.Complete(exception);

    private void ThrowIfAborted()
    {
        if (connection.IsAborted)
        {
            throw ConnectionErrors.Aborted(connection.RemoteDescription);
        }
    }
}
