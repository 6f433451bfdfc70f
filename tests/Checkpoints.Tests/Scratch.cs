namespace PageEngine.Checkpoints.Tests;

// Owns: a directory that is there as long as a test.
internal sealed class Scratch : IDisposable
{
    internal Scratch() => Path = Directory.CreateTempSubdirectory("checkpoints-").FullName;

    internal string Path { get; }

    internal string File(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
