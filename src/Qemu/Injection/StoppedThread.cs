using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using PageEngine.Qemu.Interop;
using static PageEngine.Qemu.Interop.Ptrace;

namespace PageEngine.Qemu.Injection;

// Owns: one thread of another process while it is stopped to make system calls for this one, and its registers and signal
// mask as they were. Used by one thread only (the kernel insists). Between Stop and Dispose the thread does nothing of its
// own, so nothing here allocates much or waits for anybody but the kernel.

/// <summary>A stopped thread of another process that makes system calls on demand.</summary>
internal sealed unsafe class StoppedThread : IDisposable
{
    /// <summary>How many times a wait yields the processor before it sleeps in between.</summary>
    private const int Yields = 2000;
    private const uint SleepMicroseconds = 100;
    private const ulong EveryOtherSignal = ~(1UL << (SIGTRAP - 1));

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(5);

    private readonly int _thread;
    private readonly ulong _syscallInstruction;
    private readonly long _began;
    private user_regs_struct _saved;
    private ulong _savedMask;
    private bool _stopped;

    private StoppedThread(int thread, ulong syscallInstruction)
    {
        _thread = thread;
        _syscallInstruction = syscallInstruction;
        _began = Stopwatch.GetTimestamp();
    }

    /// <summary>Gets for how long the thread was, or has been, stopped.</summary>
    internal TimeSpan Duration { get; private set; }

    /// <summary>Has the kernel and the runtime bring everything that a stop needs, so that nothing of it is loaded or
    /// compiled while a thread stands still.</summary>
    internal static void Rehearse()
    {
        user_regs_struct registers;
        int status;

        // SAFETY: no process has number -1; every call fails before it touches the memory it was given.
        _ = ptrace(PTRACE_GETREGS, -1, 0, &registers);
        _ = waitpid(-1, &status, WNOHANG | __WALL);
        _ = sched_yield();
        foreach (System.Reflection.MethodInfo method in typeof(StoppedThread).GetMethods(
            System.Reflection.BindingFlags.DeclaredOnly | System.Reflection.BindingFlags.Instance | System.Reflection.BindingFlags.Static | System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Public))
        {
            System.Runtime.CompilerServices.RuntimeHelpers.PrepareMethod(method.MethodHandle);
        }
    }

    /// <summary>Stops a thread.</summary>
    /// <param name="thread">Its number; a process's number is its main thread's.</param>
    /// <param name="syscallInstruction">Where that process has a <c>syscall</c> instruction.</param>
    /// <exception cref="Win32Exception">It cannot be traced, or did not stop.</exception>
    internal static StoppedThread Stop(int thread, ulong syscallInstruction)
    {
        var stopped = new StoppedThread(thread, syscallInstruction);
        Require(ptrace(PTRACE_SEIZE, thread, 0, null), "attach to the process");
        try
        {
            Require(ptrace(PTRACE_INTERRUPT, thread, 0, null), "stop the process");
            stopped.WaitForInterrupt();
            stopped.Save();
            return stopped;
        }
        catch
        {
            stopped.Dispose();
            throw;
        }
    }

    /// <summary>Lets the thread make a system call.</summary>
    /// <returns>What the kernel returned: negative numbers are error numbers.</returns>
    internal long Call(int number, ulong first)
    {
        user_regs_struct registers = _saved;
        registers.rax = (ulong)number;
        registers.rdi = first;
        registers.rip = _syscallInstruction;

        // No system call is to be restarted while the registers are not the thread's own.
        registers.orig_rax = ulong.MaxValue;
        Require(ptrace(PTRACE_SETREGS, _thread, 0, &registers), "set registers");
        Require(ptrace(PTRACE_SINGLESTEP, _thread, 0, null), "let the thread make a system call");
        while (true)
        {
            int status = Wait();
            int signal = (status >> 8) & 0xff;
            if (signal == SIGSYS)
            {
                return -Libc.ENOSYS;
            }

            if (signal == SIGTRAP && status >> 16 == 0)
            {
                break;
            }

            // A stop of the whole process, or the like, came in between.
            Require(ptrace(PTRACE_SINGLESTEP, _thread, 0, null), "go on with a system call");
        }

        Require(ptrace(PTRACE_GETREGS, _thread, 0, &registers), "read registers");
        return (long)registers.rax;
    }

    /// <summary>Gives the thread its registers and signals back and lets it go on. An interrupted system call of its own
    /// restarts.</summary>
    public void Dispose()
    {
        if (_stopped)
        {
            _stopped = false;
            user_regs_struct saved = _saved;
            ulong mask = _savedMask;
            _ = ptrace(PTRACE_SETREGS, _thread, 0, &saved);
            _ = ptrace(PTRACE_SETSIGMASK, _thread, sizeof(ulong), &mask);
        }

        _ = ptrace(PTRACE_DETACH, _thread, 0, null);
        Duration = Stopwatch.GetElapsedTime(_began);
    }

    private void Save()
    {
        user_regs_struct registers;
        ulong mask;
        Require(ptrace(PTRACE_GETREGS, _thread, 0, &registers), "read registers");
        Require(ptrace(PTRACE_GETSIGMASK, _thread, sizeof(ulong), &mask), "read the signal mask");
        if (registers.cs != USER_CS)
        {
            throw new Win32Exception(Libc.ENOSYS, "the process is no 64-bit program");
        }

        _saved = registers;
        _savedMask = mask;
        _stopped = true;

        // A signal must not be handled on registers that are not the thread's own; it is delivered afterwards.
        mask = EveryOtherSignal;
        Require(ptrace(PTRACE_SETSIGMASK, _thread, sizeof(ulong), &mask), "hold signals back");
    }

    private void WaitForInterrupt()
    {
        while (true)
        {
            int status = Wait();
            if (status >> 16 == PTRACE_EVENT_STOP)
            {
                return;
            }

            // A signal that was under way already: the thread takes it, then stops.
            Require(ptrace(PTRACE_CONT, _thread, 0, (void*)(nint)((status >> 8) & 0xff)), "let the process take a signal");
        }
    }

    private int Wait()
    {
        long began = Stopwatch.GetTimestamp();
        for (int round = 0; ; round++)
        {
            int status;
            int found = waitpid(_thread, &status, WNOHANG | __WALL);
            int errno = found < 0 ? Marshal.GetLastPInvokeError() : 0;
            if (found < 0 && errno != Libc.EINTR)
            {
                throw new Win32Exception(errno, "the process cannot be waited for");
            }

            if (found == _thread)
            {
                return (status & 0xff) == 0x7f ? status : throw new Win32Exception(Libc.ESRCH, "the process ended");
            }

            if (Stopwatch.GetElapsedTime(began) > _patience)
            {
                throw new Win32Exception(Libc.ETIMEDOUT, "the process did not stop: it is blocked in the kernel, on a disk or a network file system");
            }

            _ = round < Yields ? sched_yield() : usleep(SleepMicroseconds);
        }
    }

    private static void Require(nint returned, string what)
    {
        if (returned < 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            throw new Win32Exception(errno, $"could not {what}");
        }
    }
}
