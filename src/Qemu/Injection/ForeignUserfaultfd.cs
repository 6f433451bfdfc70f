using System.ComponentModel;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using PageEngine.Qemu.Interop;

namespace PageEngine.Qemu.Injection;

// Owns: what the stopped process is made to do: make a userfaultfd, or close descriptors. Runs in the short-lived process.

internal static class ForeignUserfaultfd
{
    private const int Flags = Libc.O_CLOEXEC | Libc.O_NONBLOCK;

    /// <summary>Has what <see cref="Make"/> needs brought and compiled.</summary>
    internal static void Rehearse()
    {
        RuntimeHelpers.PrepareMethod(((Func<int, ulong, int[], TimeSpan>)Close).Method.MethodHandle);
        RuntimeHelpers.PrepareMethod(typeof(ForeignUserfaultfd).GetMethod(nameof(Make), System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Static)!.MethodHandle);
        _ = Libc.syscall(Libc.SYS_pidfd_getfd, -1, -1, 0);
        new SafeFileHandle(-1, ownsHandle: true).Dispose();
    }

    /// <summary>Opens a process, so that descriptors of it can be copied.</summary>
    internal static SafeFileHandle OpenProcess(int process)
    {
        nint handle = Libc.syscall(Libc.SYS_pidfd_open, process, 0, 0);
        return handle >= 0
            ? new SafeFileHandle(handle, ownsHandle: true)
            : throw new Win32Exception(Marshal.GetLastPInvokeError(), "the process cannot be opened");
    }

    /// <summary>Makes a userfaultfd in a process, which keeps no copy of it.</summary>
    /// <param name="process">The process; its main thread is stopped, its other threads run on.</param>
    /// <param name="instruction">Where it has a system call instruction.</param>
    /// <param name="handle">The process, opened.</param>
    /// <param name="forKernel">Whether it must see what the kernel touches for the process, too.</param>
    /// <param name="stopped">For how long the thread was stopped.</param>
    /// <exception cref="Win32Exception">A step failed; nothing is left in the process.</exception>
    internal static SafeFileHandle Make(int process, ulong instruction, SafeFileHandle handle, bool forKernel, out TimeSpan stopped)
    {
        nint copy;
        int errno;
        long made;
        long closed = 0;
        StoppedThread thread = StoppedThread.Stop(process, instruction);
        using (thread)
        {
            made = thread.Call(Libc.SYS_userfaultfd, Flags);
            if (made == -Libc.EPERM && !forKernel)
            {
                // An ordinary user's process may have one that minds its own accesses alone. Asynchronous write protection
                // hands no access to anybody, so that nothing is lost by it.
                made = thread.Call(Libc.SYS_userfaultfd, Flags | Libc.UFFD_USER_MODE_ONLY);
            }

            copy = made < 0 ? -1 : Libc.syscall(Libc.SYS_pidfd_getfd, handle.DangerousGetHandle(), (nint)made, 0);
            errno = copy < 0 ? Marshal.GetLastPInvokeError() : 0;
            if (made >= 0)
            {
                closed = thread.Call(Libc.SYS_close, (ulong)made);
            }
        }

        stopped = thread.Duration;
        return made < 0 ? throw new Win32Exception((int)-made, "the process could not make a userfaultfd")
            : copy < 0 ? throw new Win32Exception(errno, "the userfaultfd could not be copied from the process")
            : closed < 0 ? throw new Win32Exception((int)-closed, "the process could not close its copy of the userfaultfd")
            : new SafeFileHandle(copy, ownsHandle: true);
    }

    /// <summary>Closes descriptors of a process.</summary>
    internal static TimeSpan Close(int process, ulong instruction, int[] descriptors)
    {
        StoppedThread thread = StoppedThread.Stop(process, instruction);
        using (thread)
        {
            foreach (int descriptor in descriptors)
            {
                _ = thread.Call(Libc.SYS_close, (ulong)descriptor);
            }
        }

        return thread.Duration;
    }
}
