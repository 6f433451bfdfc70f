using System.Globalization;
using PageEngine.Cli.History;

namespace PageEngine.Cli.Commands;

// Owns: a directory that lives as long as one command. Its name says whose it is, so that what a killed command left
// behind is removed by the next one.

/// <summary>A directory that is removed with everything in it.</summary>
internal sealed class ScratchDirectory : IDisposable
{
    // In memory: nothing here outlives the machine, so nothing need reach a disk. A disk's fsync would be the longest part
    // of the blackout.
    private const string InMemory = "/dev/shm";
    private const string Prefix = "pageengine-";
    private const string KeepName = "keep";

    private bool _keep;

    private ScratchDirectory(string path) => Path = path;

    /// <summary>Gets the directory.</summary>
    public string Path { get; }

    /// <summary>Makes one, in memory where that is possible.</summary>
    public static ScratchDirectory Create()
    {
        try
        {
            return CreateIn(InMemory);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return CreateIn(System.IO.Path.GetTempPath());
        }
    }

    /// <summary>Makes one, and removes those of processes that are gone.</summary>
    /// <exception cref="IOException">The parent is not there or cannot be written.</exception>
    internal static ScratchDirectory CreateIn(string parent)
    {
        foreach (string path in Directory.GetDirectories(parent, Prefix + "*").Where(IsLeftBehind))
        {
            Remove(path);
        }

        int process = Environment.ProcessId;
        string name = string.Create(
            CultureInfo.InvariantCulture, $"{Prefix}{process}-{ProcessIdentity.StartTicks(process) ?? 0}-{Guid.NewGuid():N}");
        return new ScratchDirectory(Make(System.IO.Path.Combine(parent, name)));
    }

    /// <summary>Makes a directory in it.</summary>
    public string Subdirectory(string name) => Make(System.IO.Path.Combine(Path, name));

    /// <summary>Leaves the directory where it is, also when this process is gone.</summary>
    public void Keep()
    {
        File.WriteAllText(System.IO.Path.Combine(Path, KeepName), "What is here is still needed: a migration is in doubt.\n");
        _keep = true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_keep)
        {
            Remove(Path);
        }
    }

    private static bool IsLeftBehind(string path)
    {
        string[] words = System.IO.Path.GetFileName(path)[Prefix.Length..].Split('-');
        return words.Length == 3
            && !File.Exists(System.IO.Path.Combine(path, KeepName))
            && int.TryParse(words[0], NumberStyles.None, CultureInfo.InvariantCulture, out int process)
            && long.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out long started)
            && ProcessIdentity.StartTicks(process) != started;
    }

    private static void Remove(string path)
    {
        try
        {
            Directory.Delete(path, recursive: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Another process still writes there, or it is another user's: the next one may have more luck.
        }
    }

    private static string Make(string path) =>
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;
}
