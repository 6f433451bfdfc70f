using PageEngine.Streaming;

namespace PageEngine.Checkpoints.Writing;

// Owns: where a checkpoint's bytes go, one behind the other. Used by one thread at a time.

internal abstract class CheckpointOutput : IDisposable
{
    /// <summary>Gets how many bytes were written.</summary>
    internal long Position { get; private protected set; }

    /// <summary>Gets the name that a child gives this checkpoint; empty for a stream.</summary>
    internal virtual string FileName => "";

    /// <summary>Writes pieces of memory, which may be the guest's own. The pieces may be changed by the call.</summary>
    /// <exception cref="IOException">It cannot be written; the message says what to do.</exception>
    internal abstract unsafe void Write(Span<IoVector> pieces);

    internal unsafe void Write(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return;
        }

        fixed (byte* start = bytes)
        {
            Span<IoVector> one = [new IoVector { Start = start, Bytes = (nuint)bytes.Length }];
            Write(one);
        }
    }

    /// <summary>Looks whether there is room, as far as that can be known.</summary>
    /// <exception cref="MigrationException">There surely is not.</exception>
    internal abstract void RequireRoom(long bytes);

    /// <summary>Makes the checkpoint visible, whole and durable. Without it nothing of it stays.</summary>
    internal abstract void Complete();

    public abstract void Dispose();
}
