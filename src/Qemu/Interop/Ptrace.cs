using System.Runtime.InteropServices;

namespace PageEngine.Qemu.Interop;

// Owns: the names of ptrace(2) and what goes with it, in the kernel's spelling, for x86-64.

internal static unsafe partial class Ptrace
{
    internal const int PTRACE_CONT = 7;
    internal const int PTRACE_SINGLESTEP = 9;
    internal const int PTRACE_GETREGS = 12;
    internal const int PTRACE_SETREGS = 13;
    internal const int PTRACE_DETACH = 17;
    internal const int PTRACE_SEIZE = 0x4206;
    internal const int PTRACE_INTERRUPT = 0x4207;
    internal const int PTRACE_GETSIGMASK = 0x420a;
    internal const int PTRACE_SETSIGMASK = 0x420b;
    internal const int PTRACE_EVENT_STOP = 128;

    internal const int WNOHANG = 1;
    internal const int __WALL = 0x40000000;

    internal const int SIGTRAP = 5;
    internal const int SIGSYS = 31;

    /// <summary>The code segment of 64-bit programs.</summary>
    internal const ulong USER_CS = 0x33;

    [StructLayout(LayoutKind.Sequential)]
    internal struct user_regs_struct
    {
        public ulong r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
        public ulong rax, rcx, rdx, rsi, rdi, orig_rax, rip, cs, eflags, rsp, ss;
        public ulong fs_base, gs_base, ds, es, fs, gs;
    }

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint ptrace(nint request, nint pid, nint addr, void* data);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int waitpid(int pid, int* wstatus, int options);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int sched_yield();

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int usleep(uint microseconds);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint process_vm_readv(
        int pid, Libc.iovec* local_iov, nuint liovcnt, Libc.iovec* remote_iov, nuint riovcnt, nuint flags);
}
