using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using PageEngine.Interop;

namespace PageEngine.Ownership;

// Owns: the open handle of the shared directory. Everything goes through it, so that neither a rename of the path nor
// a mount over it can lead half of a protocol into another directory.

/// <summary>The file operations of the store, on a real directory. Safe to use from any thread.</summary>
internal sealed class OwnershipDirectory : IOwnershipFiles
{
    private const uint Permissions = 0x1A4; // rw-r--r--
    private readonly SafeFileHandle _directory;

    private OwnershipDirectory(string path, SafeFileHandle directory)
    {
        Path = path;
        _directory = directory;
    }

    /// <inheritdoc/>
    public string Path { get; }

    /// <summary>Opens a directory that exists.</summary>
    public static OwnershipDirectory Open(string path)
    {
        string full = System.IO.Path.GetFullPath(path);
        SafeFileHandle handle = FileSystemCalls.open(full, FileSystemCalls.O_RDONLY | FileSystemCalls.O_CLOEXEC, 0);
        if (handle.IsInvalid)
        {
            throw FileCallException.FromLastCall("open", full);
        }

        var directory = new OwnershipDirectory(full, handle);
        if ((directory.Stat(string.Empty, FileSystemCalls.AT_EMPTY_PATH).stx_mode & FileSystemCalls.S_IFMT) != FileSystemCalls.S_IFDIR)
        {
            directory.Dispose();
            throw new FileCallException("open", full, FileSystemCalls.ENOTDIR);
        }

        return directory;
    }

    /// <inheritdoc/>
    public void Create(string name, ReadOnlySpan<byte> content)
    {
        const int Flags = FileSystemCalls.O_RDWR | FileSystemCalls.O_CREAT | FileSystemCalls.O_EXCL | FileSystemCalls.O_CLOEXEC;
        using SafeFileHandle file = FileSystemCalls.openat(_directory, name, Flags, Permissions);
        if (file.IsInvalid)
        {
            throw FileCallException.FromLastCall("create", InDirectory(name));
        }

        RawFile.Write(file, content, 0, InDirectory(name));
        if (FileSystemCalls.fsync(file) != 0)
        {
            throw FileCallException.FromLastCall("fsync", InDirectory(name));
        }
    }

    /// <inheritdoc/>
    public bool TryLink(string existing, string name)
    {
        if (FileSystemCalls.linkat(_directory, existing, _directory, name, 0) == 0)
        {
            return true;
        }

        return Marshal.GetLastPInvokeError() == FileSystemCalls.EEXIST
            ? false
            : throw FileCallException.FromLastCall("link", InDirectory(name));
    }

    /// <inheritdoc/>
    public void SyncDirectory()
    {
        if (FileSystemCalls.fsync(_directory) != 0)
        {
            throw FileCallException.FromLastCall("fsync", Path);
        }
    }

    /// <inheritdoc/>
    public int Read(string name, Span<byte> buffer)
    {
        using SafeFileHandle file = FileSystemCalls.openat(_directory, name, FileSystemCalls.O_RDONLY | FileSystemCalls.O_CLOEXEC, 0);
        if (file.IsInvalid)
        {
            return Marshal.GetLastPInvokeError() == FileSystemCalls.ENOENT
                ? -1
                : throw FileCallException.FromLastCall("open", InDirectory(name));
        }

        return RawFile.Read(file, buffer, InDirectory(name));
    }

    /// <inheritdoc/>
    public int CountLinks(string name)
    {
        // A network file system's cached attributes would show the count from before the link. "No such file" is the
        // usual answer in the blackout, so it costs no exception.
        const int Flags = FileSystemCalls.AT_SYMLINK_NOFOLLOW | FileSystemCalls.AT_STATX_FORCE_SYNC;
        if (FileSystemCalls.statx(_directory, name, Flags, FileSystemCalls.STATX_BASIC_STATS, out FileSystemCalls.statx_buffer result) == 0)
        {
            return (int)result.stx_nlink;
        }

        return Marshal.GetLastPInvokeError() == FileSystemCalls.ENOENT ? 0 : throw FileCallException.FromLastCall("statx", InDirectory(name));
    }

    /// <inheritdoc/>
    public void Remove(string name)
    {
        if (FileSystemCalls.unlinkat(_directory, name, 0) != 0 && Marshal.GetLastPInvokeError() != FileSystemCalls.ENOENT)
        {
            throw FileCallException.FromLastCall("unlink", InDirectory(name));
        }
    }

    /// <inheritdoc/>
    public bool IsRemoved() => Stat(string.Empty, FileSystemCalls.AT_EMPTY_PATH).stx_nlink == 0;

    /// <inheritdoc/>
    public IEnumerable<string> List(string prefix)
    {
        // Through the open handle, like everything else.
        string path = $"/proc/self/fd/{(int)_directory.DangerousGetHandle()}/";
        var names = new List<string>();
        try
        {
            foreach (string entry in Directory.EnumerateFiles(path, prefix + "*"))
            {
                names.Add(System.IO.Path.GetFileName(entry));
            }
        }
        catch (Exception e) when (e is UnauthorizedAccessException or DirectoryNotFoundException)
        {
            throw new FileCallException("list", Path, e is UnauthorizedAccessException ? FileSystemCalls.EACCES : FileSystemCalls.ENOENT);
        }
        catch (IOException e) when (e is not FileCallException)
        {
            throw new FileCallException("list", Path, FileSystemCalls.EIO);
        }

        return names;
    }

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();

    private FileSystemCalls.statx_buffer Stat(string name, int flags) =>
        FileSystemCalls.statx(_directory, name, flags, FileSystemCalls.STATX_BASIC_STATS, out FileSystemCalls.statx_buffer result) == 0
            ? result
            : throw FileCallException.FromLastCall("statx", InDirectory(name));

    private string InDirectory(string name) => System.IO.Path.Combine(Path, name);
}
