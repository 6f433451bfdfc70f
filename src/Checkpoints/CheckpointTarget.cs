using PageEngine.Checkpoints.Writing;

namespace PageEngine.Checkpoints;

// Owns: the two places a checkpoint can be written to, as the embedder names them.

/// <summary>Where a checkpoint is written. One object serves one checkpoint.</summary>
public abstract class CheckpointTarget
{
    private CheckpointTarget()
    {
    }

    /// <summary>A file. Whoever looks sees what was there before or the whole new checkpoint, also after a crash: it is
    /// written beside it, flushed, and renamed. Only this user may read it.</summary>
    /// <param name="path">The file; one that is there is replaced.</param>
    public static CheckpointTarget File(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new FileTarget(path);
    }

    /// <summary>A pipe, a connection or any other stream, which the caller disposes. The bytes are those of a file.</summary>
    /// <param name="stream">Where to write; it is not sought in.</param>
    public static CheckpointTarget Stream(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return new StreamTarget(stream);
    }

    internal abstract CheckpointOutput Open();

    private sealed class FileTarget(string path) : CheckpointTarget
    {
        internal override CheckpointOutput Open() => new FileOutput(path);
    }

    private sealed class StreamTarget(Stream stream) : CheckpointTarget
    {
        internal override CheckpointOutput Open() => new StreamOutput(stream);
    }
}
