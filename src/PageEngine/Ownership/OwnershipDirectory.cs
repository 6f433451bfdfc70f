using Microsoft.Win32.SafeHandles;
using PageEngine.Interop;

namespace PageEngine.Ownership;

// Owns: the open handle of the shared directory. Everything goes through it, so that neither a rename of the path nor
// a mount over it can lead half of a protocol into another directory.

/// <summary>The file operations of the store, on a real directory. Safe to use from any thread.</summary>
internal sealed unsafe class OwnershipDirectory : IOwnershipFiles
{
    private const uint FileMode = 0x1A4; // rw-r--r--
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
        using SafeFileHandle file = FileSystemCalls.openat(_directory, name, Flags, FileMode);
        if (file.IsInvalid)
        {
            throw FileCallException.FromLastCall("create", InDirectory(name));
        }

        // SAFETY: the span is pinned for the call, and no more than its length is read.
        fixed (byte* bytes = content)
        {
            nint written = FileSystemCalls.pwrite(file, bytes, (nuint)content.Length, 0);
            if (written != content.Length)
            {
                // A record is shorter than a block: a short write means that the disk is full.
                throw written < 0
                    ? FileCallException.FromLastCall("write", InDirectory(name))
                    : new FileCallException("write", InDirectory(name), FileSystemCalls.ENOSPC);
            }
        }

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

        var failure = FileCallException.FromLastCall("link", InDirectory(name));
        return failure.ErrorNumber == FileSystemCalls.EEXIST ? false : throw failure;
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
            var failure = FileCallException.FromLastCall("open", InDirectory(name));
            return failure.ErrorNumber == FileSystemCalls.ENOENT ? -1 : throw failure;
        }

        int total = 0;

        // SAFETY: the span is pinned for the calls, and no call may write beyond what is left of it.
        fixed (byte* bytes = buffer)
        {
            while (total < buffer.Length)
            {
                nint read = FileSystemCalls.pread(file, bytes + total, (nuint)(buffer.Length - total), total);
                if (read < 0)
                {
                    throw FileCallException.FromLastCall("read", InDirectory(name));
                }

                if (read == 0)
                {
                    break;
                }

                total += (int)read;
            }
        }

        return total;
    }

    /// <inheritdoc/>
    public int CountLinks(string name)
    {
        // A network file system's cached attributes would show the count from before the link.
        const int Flags = FileSystemCalls.AT_SYMLINK_NOFOLLOW | FileSystemCalls.AT_STATX_FORCE_SYNC;
        try
        {
            return (int)Stat(name, Flags).stx_nlink;
        }
        catch (FileCallException failure) when (failure.ErrorNumber == FileSystemCalls.ENOENT)
        {
            return 0;
        }
    }

    /// <inheritdoc/>
    public void Remove(string name)
    {
        if (FileSystemCalls.unlinkat(_directory, name, 0) != 0)
        {
            var failure = FileCallException.FromLastCall("unlink", InDirectory(name));
            if (failure.ErrorNumber != FileSystemCalls.ENOENT)
            {
                throw failure;
            }
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
