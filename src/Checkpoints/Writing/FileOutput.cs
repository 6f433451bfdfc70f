using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using PageEngine.Checkpoints.Interop;
using PageEngine.Interop;
using PageEngine.Streaming;

namespace PageEngine.Checkpoints.Writing;

// Owns: the way a checkpoint becomes a file: a temporary one beside it, fsync, then the name. Whoever looks
// sees the old file or the whole new one; after an error the temporary one is removed and the old one is as it was.

internal sealed unsafe class FileOutput : CheckpointOutput
{
    private const uint OwnerOnly = 0b110_000_000; // The guest's memory is nobody else's business.

    // One call moves at most 2 GiB, and a long one cannot be cancelled.
    private const int MaxPieces = IoVector.MaxPerCall;

    private readonly string _path;
    private readonly string _directory;
    private readonly string _temporary;
    private readonly SafeFileHandle _file;
    private readonly NameChange _naming;
    private bool _completed;

    internal FileOutput(string path, NameChange? naming = null)
    {
        _naming = naming ?? new NameChange();
        _path = Path.GetFullPath(path);
        _directory = Path.GetDirectoryName(_path) ?? "/";
        if (Directory.Exists(_path))
        {
            throw new MigrationException(MigrationErrorKind.Refused, $"'{_path}' is a directory. Name a file for the checkpoint.");
        }

        _temporary = Path.Combine(_directory, $".{Path.GetFileName(_path)}.{Guid.NewGuid():N}.tmp");
        _file = FileSystemCalls.open(_temporary, FileSystemCalls.O_RDWR | FileSystemCalls.O_CREAT | FileSystemCalls.O_EXCL | FileSystemCalls.O_CLOEXEC, OwnerOnly);
        if (_file.IsInvalid)
        {
            throw Failed("created", Marshal.GetLastPInvokeError());
        }

        // The kernel gives the lock back when this process dies: then the next save of the same name clears it away.
        _ = FileSystemCalls.flock(_file, FileSystemCalls.LOCK_EX | FileSystemCalls.LOCK_NB);
        RemoveLeftovers();
    }

    internal override string FileName => Path.GetFileName(_path);

    internal override void Write(Span<IoVector> pieces)
    {
        fixed (IoVector* first = pieces)
        {
            IoVector* next = first;
            IoVector* end = first + pieces.Length;
            while (next < end)
            {
                // SAFETY: the pieces lie between next and end; whoever calls keeps what they point at mapped.
                nint written = FileCalls.pwritev(_file, next, (int)Math.Min(MaxPieces, end - next), Position);
                if (written < 0)
                {
                    int error = Marshal.GetLastPInvokeError();
                    if (error == FileSystemCalls.EINTR)
                    {
                        continue;
                    }

                    throw Failed("written", error);
                }

                Position += written;
                next = Skip(next, end, (nuint)written);
            }
        }
    }

    internal override void RequireRoom(long bytes)
    {
        long free = new DriveInfo(_directory).AvailableFreeSpace;
        if (bytes > free)
        {
            throw new MigrationException(
                MigrationErrorKind.Refused,
                $"The checkpoint needs {Units.FormatBytes(bytes)} and {_directory} has {Units.FormatBytes(free)} free. Make room there, name another place, or compress it.");
        }
    }

    internal override void Complete()
    {
        Require(FileSystemCalls.fsync(_file) == 0, "flushed to the disk");
        switch (_naming.Run(_directory, _temporary, _path))
        {
            case NameChange.Outcome.Undone:
                throw Failed("given its name", _naming.Error);
            case NameChange.Outcome.BothStay:
                _completed = true;
                throw Kept($"The new one is whole and has the name; the old one is {_temporary}. Keep the one that you need.");
            case NameChange.Outcome.NewStays:
                _completed = true;
                throw Kept("The new one is whole and stays; the old one is gone, and after a crash of this host it may be back in its place. Save again when the storage is well.");
        }

        _completed = true;
    }

    public override void Dispose()
    {
        _file.Dispose();
        if (!_completed)
        {
            try
            {
                File.Delete(_temporary);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Whatever made the write fail may make this fail too; the name says what the file is.
            }
        }
    }

    // What a process that died left behind; what a living one writes is locked.
    private void RemoveLeftovers()
    {
        try
        {
            foreach (string path in Directory.EnumerateFiles(_directory, $".{Path.GetFileName(_path)}.*.tmp"))
            {
                using SafeFileHandle left = FileSystemCalls.open(path, FileSystemCalls.O_RDWR | FileSystemCalls.O_CLOEXEC, 0);
                if (path != _temporary && !left.IsInvalid && FileSystemCalls.flock(left, FileSystemCalls.LOCK_EX | FileSystemCalls.LOCK_NB) == 0)
                {
                    File.Delete(path);
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // They only take room; the next save tries again.
        }
    }

    // The pieces that were written are passed over; one that was written in part is shortened.
    private static IoVector* Skip(IoVector* next, IoVector* end, nuint written)
    {
        for (; next < end && written >= next->Bytes; next++)
        {
            written -= next->Bytes;
        }

        if (next < end)
        {
            next->Start += written;
            next->Bytes -= written;
        }

        return next;
    }

    private void Require(bool done, string what)
    {
        if (!done)
        {
            throw Failed(what, Marshal.GetLastPInvokeError());
        }
    }

    // The guest goes on after an error, so a restore would run it twice.
    private MigrationException Kept(string what) => new(
        MigrationErrorKind.StorageFailed,
        $"The checkpoint '{_path}' is written, but its directory could not be made durable: {Marshal.GetPInvokeErrorMessage(_naming.Error)}. {what} The guest is unharmed and goes on here: do not restore this checkpoint as long as it runs.",
        new IOException(Marshal.GetPInvokeErrorMessage(_naming.Error), _naming.Error));

    private MigrationException Failed(string what, int error)
    {
        string remedy = error switch
        {
            FileSystemCalls.ENOSPC or FileSystemCalls.EDQUOT => "Make room there, name another place, or compress it.",
            FileSystemCalls.ENOENT or FileSystemCalls.ENOTDIR => "Make the directory first.",
            FileSystemCalls.EACCES or FileSystemCalls.EPERM or FileSystemCalls.EROFS => "Name a place that this user may write.",
            _ => "Check the storage and try again.",
        };
        return new MigrationException(
            MigrationErrorKind.StorageFailed,
            $"The checkpoint '{_path}' cannot be {what} after {Units.FormatBytes(Position)}: {Marshal.GetPInvokeErrorMessage(error)}. The guest is unharmed, and what was there is as it was. {remedy}",
            new IOException(Marshal.GetPInvokeErrorMessage(error), error));
    }
}
