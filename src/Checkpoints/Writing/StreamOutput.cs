using PageEngine.Streaming;

namespace PageEngine.Checkpoints.Writing;

// Owns: a checkpoint that goes into a pipe or a connection: the same bytes as a file's, without a way back.

internal sealed unsafe class StreamOutput(Stream stream) : CheckpointOutput
{
    internal override void Write(Span<IoVector> pieces)
    {
        try
        {
            foreach (IoVector piece in pieces)
            {
                // SAFETY: whoever calls keeps the pieces mapped until the call returns.
                stream.Write(new ReadOnlySpan<byte>(piece.Start, checked((int)piece.Bytes)));
                Position += (long)piece.Bytes;
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            throw Failed(e);
        }
    }

    internal override void RequireRoom(long bytes)
    {
        // Who reads it knows.
    }

    internal override void Complete()
    {
        try
        {
            stream.Flush();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            throw Failed(e);
        }
    }

    public override void Dispose()
    {
        // The stream is its owner's. A reader recognises what was not completed by the missing end.
    }

    private MigrationException Failed(Exception e) => new(
        MigrationErrorKind.StorageFailed,
        $"The checkpoint cannot be written to its stream after {Units.FormatBytes(Position)}: {e.Message} The guest is unharmed. Look at whoever reads the stream.",
        e);
}
