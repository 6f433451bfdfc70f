using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using PageEngine.Checkpoints.Interop;
using PageEngine.Interop;

namespace PageEngine.Checkpoints.Writing;

// Owns: the moment in which a finished file takes the place of the old one. The two names are swapped, so that the old file exists
// until the directory is on the disk; if that fails they are swapped back. A file system that cannot swap renames, and then there
// is no way back: the new file stays, which is whole and on the disk.

internal class NameChange
{
    /// <summary>What became of it.</summary>
    internal enum Outcome
    {
        /// <summary>The new file has the name, for good.</summary>
        Done,

        /// <summary>It failed, and everything is as it was.</summary>
        Undone,

        /// <summary>It failed: the new file has the name, the old one is gone, and a crash may still bring that one back.</summary>
        NewStays,

        /// <summary>It failed: the new file has the name and the old one that of the temporary file.</summary>
        BothStay,
    }

    /// <summary>Gets the error of the call that failed.</summary>
    internal int Error { get; private set; }

    /// <summary>Gives a file another one's name.</summary>
    internal Outcome Run(string directory, string temporary, string path)
    {
        bool swapped = Exchange(temporary, path) == 0;
        bool isFirst = !swapped && Marshal.GetLastPInvokeError() == FileSystemCalls.ENOENT;
        if (!swapped && !TryRename(temporary, path))
        {
            return Outcome.Undone;
        }

        if (FlushDirectory(directory) == 0)
        {
            if (swapped)
            {
                TryDelete(temporary);
            }

            return Outcome.Done;
        }

        Error = Marshal.GetLastPInvokeError();
        if (swapped)
        {
            return Exchange(temporary, path) == 0 ? Outcome.Undone : Outcome.BothStay;
        }

        // Without an old file nothing is lost by taking the new one away: the guest, which goes on, must not stand beside a file
        // that says it was suspended.
        return isFirst && TryDelete(path) ? Outcome.Undone : Outcome.NewStays;
    }

    private protected virtual int Exchange(string one, string other) =>
        FileCalls.renameat2(FileCalls.AT_FDCWD, one, FileCalls.AT_FDCWD, other, FileCalls.RENAME_EXCHANGE);

    private protected virtual int FlushDirectory(string path)
    {
        using SafeFileHandle directory = FileSystemCalls.open(path, FileSystemCalls.O_RDONLY | FileSystemCalls.O_CLOEXEC, 0);
        return directory.IsInvalid ? -1 : FileSystemCalls.fsync(directory);
    }

    private static bool TryDelete(string path)
    {
        try
        {
            File.Delete(path);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // The next save of the same name clears it away.
        }
    }

    private bool TryRename(string temporary, string path)
    {
        if (FileCalls.renameat2(FileCalls.AT_FDCWD, temporary, FileCalls.AT_FDCWD, path, 0) == 0)
        {
            return true;
        }

        Error = Marshal.GetLastPInvokeError();
        return false;
    }
}
