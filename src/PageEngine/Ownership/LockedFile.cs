using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using PageEngine.Interop;

namespace PageEngine.Ownership;

// Owns: one open file with an exclusive flock on it. The lock belongs to the open file, not to its name: whoever gets
// it looks whether the name still leads to that file, because the previous owner may have removed it meanwhile.

internal sealed class LockedFile : IDisposable
{
    private const uint Permissions = 0x180; // rw-------
    private readonly SafeFileHandle _handle;

    private LockedFile(string path, SafeFileHandle handle)
    {
        Path = path;
        _handle = handle;
    }

    /// <summary>Gets where the file is.</summary>
    public string Path { get; private set; }

    /// <summary>Opens and locks a file.</summary>
    /// <returns>Null when a living process holds the lock, or when the file is not there and is not to be created.</returns>
    public static LockedFile? TryOpen(string path, bool create)
    {
        int flags = FileSystemCalls.O_RDWR | FileSystemCalls.O_CLOEXEC | (create ? FileSystemCalls.O_CREAT : 0);
        while (true)
        {
            SafeFileHandle handle = FileSystemCalls.open(path, flags, Permissions);
            if (handle.IsInvalid)
            {
                var failure = FileCallException.FromLastCall("open", path);
                return failure.ErrorNumber == FileSystemCalls.ENOENT && !create ? null : throw failure;
            }

            if (!TryLock(handle, path))
            {
                handle.Dispose();
                return null;
            }

            if (IsStillAt(handle, path))
            {
                return new LockedFile(path, handle);
            }

            handle.Dispose();
        }
    }

    /// <summary>Reads from the start, at most the buffer's length.</summary>
    public int Read(Span<byte> buffer) => RawFile.Read(_handle, buffer, Path);

    /// <summary>Writes all of it; not yet durable.</summary>
    public void Write(ReadOnlySpan<byte> content, long offset) => RawFile.Write(_handle, content, offset, Path);

    /// <summary>Makes the bytes durable, and the length where it changed.</summary>
    public void Sync()
    {
        if (FileSystemCalls.fdatasync(_handle) != 0)
        {
            throw FileCallException.FromLastCall("fdatasync", Path);
        }
    }

    /// <summary>Gives the file its final name and makes that durable; the lock goes with it.</summary>
    public void MoveTo(string path)
    {
        File.Move(Path, path);
        Path = path;
        string directory = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!;
        using SafeFileHandle parent = FileSystemCalls.open(directory, FileSystemCalls.O_RDONLY | FileSystemCalls.O_CLOEXEC, 0);
        if (parent.IsInvalid || FileSystemCalls.fsync(parent) != 0)
        {
            throw FileCallException.FromLastCall("fsync", directory);
        }
    }

    /// <summary>Removes the file while the lock is held, then gives the lock back.</summary>
    public void RemoveAndDispose()
    {
        try
        {
            File.Delete(Path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // An unlocked file that stays means nothing.
        }

        _handle.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    private static bool TryLock(SafeFileHandle handle, string path)
    {
        while (FileSystemCalls.flock(handle, FileSystemCalls.LOCK_EX | FileSystemCalls.LOCK_NB) != 0)
        {
            switch (Marshal.GetLastPInvokeError())
            {
                case FileSystemCalls.EINTR:
                    break;
                case FileSystemCalls.EAGAIN:
                    return false;
                default:
                    var failure = FileCallException.FromLastCall("flock", path);
                    handle.Dispose();
                    throw failure;
            }
        }

        return true;
    }

    private static bool IsStillAt(SafeFileHandle handle, string path)
    {
        if (FileSystemCalls.statx(handle, string.Empty, FileSystemCalls.AT_EMPTY_PATH, FileSystemCalls.STATX_BASIC_STATS, out FileSystemCalls.statx_buffer locked) != 0)
        {
            throw FileCallException.FromLastCall("statx", path);
        }

        // An absolute path makes the directory argument meaningless.
        return FileSystemCalls.statx(handle, System.IO.Path.GetFullPath(path), 0, FileSystemCalls.STATX_BASIC_STATS, out FileSystemCalls.statx_buffer named) == 0
            && (named.stx_ino, named.stx_dev_major, named.stx_dev_minor) == (locked.stx_ino, locked.stx_dev_major, locked.stx_dev_minor);
    }
}
