using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using PageEngine.Qemu.Interop;

namespace PageEngine.Qemu.Processes;

// Owns: one process for good, whatever becomes of its number: copying its descriptors, ending it.

/// <summary>A process that is held open. Safe from any thread.</summary>
public sealed class ProcessHandle : IDisposable
{
    private const int SIGKILL = 9;

    private readonly SafeFileHandle _handle;

    private ProcessHandle(SafeFileHandle handle) => _handle = handle;

    /// <summary>Opens a process.</summary>
    /// <param name="process">Its number.</param>
    /// <param name="startedAt">When it started, in the kernel's ticks; null: whichever has the number now.</param>
    /// <exception cref="Win32Exception">It is gone, or this user may not.</exception>
    public static ProcessHandle Open(int process, ulong? startedAt = null)
    {
        nint handle = Libc.syscall(Libc.SYS_pidfd_open, process, 0, 0);
        int errno = Marshal.GetLastPInvokeError();
        if (handle >= 0)
        {
            var opened = new ProcessHandle(new SafeFileHandle(handle, ownsHandle: true));
            if (startedAt is not { } started || ProcessFiles.IsAlive(process, started))
            {
                return opened;
            }

            opened.Dispose();
            errno = Libc.ESRCH;
        }

        throw new Win32Exception(errno, $"process {process} cannot be opened: {Marshal.GetPInvokeErrorMessage(errno)}");
    }

    /// <summary>Copies a descriptor of the process.</summary>
    /// <exception cref="Win32Exception">It cannot be had.</exception>
    public SafeFileHandle CopyDescriptor(int descriptor)
    {
        nint copy = Libc.syscall(Libc.SYS_pidfd_getfd, _handle.DangerousGetHandle(), descriptor, 0);
        return copy >= 0
            ? new SafeFileHandle(copy, ownsHandle: true)
            : throw new Win32Exception(Marshal.GetLastPInvokeError(), $"a descriptor of another process could not be copied: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    /// <summary>Ends the process at once, also where it waits for a page that does not come. It is well if it has ended already, or if
    /// nobody holds this any more.</summary>
    public void Kill()
    {
        bool held = false;
        try
        {
            _handle.DangerousAddRef(ref held);
            _ = Libc.syscall(Libc.SYS_pidfd_send_signal, _handle.DangerousGetHandle(), SIGKILL, 0, 0);
        }
        catch (ObjectDisposedException)
        {
            // Whoever disposed it has no more use for it.
        }
        finally
        {
            if (held)
            {
                _handle.DangerousRelease();
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();
}
