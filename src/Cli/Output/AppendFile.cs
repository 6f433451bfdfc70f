using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using PageEngine.Cli.Interop;

namespace PageEngine.Cli.Output;

// Owns: a file that several processes append to, each with whole lines. The framework's append mode writes at an offset
// it remembers, so that two writers would overwrite each other; the kernel's O_APPEND does not.

/// <summary>Appends text to a file.</summary>
internal sealed class AppendFile : IDisposable
{
    private readonly SafeFileHandle _handle;

    /// <summary>Opens or makes the file.</summary>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public AppendFile(string path)
    {
        _handle = Libc.open(path, Libc.O_WRONLY | Libc.O_CREAT | Libc.O_APPEND | Libc.O_CLOEXEC, 0b110_100_100);
        if (_handle.IsInvalid)
        {
            string reason = Marshal.GetLastPInvokeErrorMessage();
            throw new IOException($"The log file {path} cannot be opened: {reason}. Give another file, or make its directory.");
        }
    }

    /// <summary>Appends text in one write.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void Append(string text) => RandomAccess.Write(_handle, Encoding.UTF8.GetBytes(text), fileOffset: 0);

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();
}
