namespace PageEngine.Cli.Commands;

// Owns: a directory that lives as long as one command.

/// <summary>A directory that is removed with everything in it.</summary>
internal sealed class ScratchDirectory : IDisposable
{
    // In memory: nothing here outlives the machine, so nothing need reach a disk. A disk's fsync would be the longest part
    // of the blackout.
    private const string InMemory = "/dev/shm";

    private ScratchDirectory(string path) => Path = path;

    /// <summary>Gets the directory.</summary>
    public string Path { get; }

    /// <summary>Makes one, in memory where that is possible.</summary>
    public static ScratchDirectory Create()
    {
        string name = $"pageengine-{Guid.NewGuid():N}";
        try
        {
            return new ScratchDirectory(Make(System.IO.Path.Combine(InMemory, name), Directory.Exists(InMemory)));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return new ScratchDirectory(Make(System.IO.Path.Combine(System.IO.Path.GetTempPath(), name), parentExists: true));
        }
    }

    /// <summary>Makes a directory in it.</summary>
    public string Subdirectory(string name) => Make(System.IO.Path.Combine(Path, name), parentExists: true);

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            Directory.Delete(Path, recursive: true);
        }
        catch (IOException)
        {
            // Another process still writes there; the system empties these places itself.
        }
    }

    private static string Make(string path, bool parentExists) => parentExists
        ? Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName
        : throw new DirectoryNotFoundException(path);
}
