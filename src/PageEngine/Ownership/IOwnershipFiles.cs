namespace PageEngine.Ownership;

// Owns: the few file operations that the file store stands on. A seam, so that tests can fail each of them before or
// after it took effect. Every method throws FileCallException.

internal interface IOwnershipFiles : IDisposable
{
    /// <summary>Gets the directory's path, for people.</summary>
    string Path { get; }

    /// <summary>Creates a file that did not exist, with these bytes, and makes the bytes durable.</summary>
    void Create(string name, ReadOnlySpan<byte> content);

    /// <summary>Gives a file a second name, unless the name is taken.</summary>
    /// <returns>False when the name is taken.</returns>
    bool TryLink(string existing, string name);

    /// <summary>Makes the directory's entries durable.</summary>
    void SyncDirectory();

    /// <summary>Reads a whole file of at most the buffer's length; longer ones are cut.</summary>
    /// <returns>The bytes read, or -1 when there is no such file.</returns>
    int Read(string name, Span<byte> buffer);

    /// <summary>Counts a file's names; 0 when there is no such file.</summary>
    int CountLinks(string name);

    /// <summary>Removes a name; no error when it is not there.</summary>
    void Remove(string name);

    /// <summary>Gets whether the directory itself was removed.</summary>
    bool IsRemoved();

    /// <summary>Lists the names that start with a prefix.</summary>
    IEnumerable<string> List(string prefix);
}
