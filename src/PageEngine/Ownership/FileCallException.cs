using System.Runtime.InteropServices;
using PageEngine.Interop;

namespace PageEngine.Ownership;

// Owns: a failed file call with its error number, and the sentence that tells a person what to do about it.

/// <summary>A file call failed.</summary>
internal sealed class FileCallException(string call, string path, int errorNumber)
    : IOException($"{call} on {path} failed: {Marshal.GetPInvokeErrorMessage(errorNumber)} (error {errorNumber}).")
{
    /// <summary>Gets the kernel's error number.</summary>
    public int ErrorNumber { get; } = errorNumber;

    /// <summary>Gets whether the call certainly had no effect, not even a late one.</summary>
    public bool HadNoEffect => ErrorNumber is FileSystemCalls.EPERM or FileSystemCalls.ENOENT or FileSystemCalls.EACCES
        or FileSystemCalls.EXDEV or FileSystemCalls.ENOTDIR or FileSystemCalls.ENOSPC or FileSystemCalls.EROFS
        or FileSystemCalls.EMLINK or FileSystemCalls.ENOSYS or FileSystemCalls.EOPNOTSUPP or FileSystemCalls.EDQUOT;

    /// <summary>Makes an exception of the error that the last call left.</summary>
    public static FileCallException FromLastCall(string call, string path) => new(call, path, Marshal.GetLastPInvokeError());

    /// <summary>Says what to do.</summary>
    public string Remedy => ErrorNumber switch
    {
        FileSystemCalls.ENOSPC or FileSystemCalls.EDQUOT => "The file system is full: free some space there.",
        FileSystemCalls.EROFS => "The file system is read-only: mount it writable on both hosts.",
        FileSystemCalls.EACCES or FileSystemCalls.EPERM =>
            "This process may not write there: give its user write permission on the directory.",
        FileSystemCalls.ENOENT => "The directory was removed: bring back the same one, with its files.",
        FileSystemCalls.ENOTDIR => "Name a directory.",
        FileSystemCalls.ESTALE or FileSystemCalls.EIO => "The storage failed: check it and the mount; nothing was decided meanwhile.",
        _ => "Check the storage and the mount.",
    };
}
