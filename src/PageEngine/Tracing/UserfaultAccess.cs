namespace PageEngine.Tracing;

// Owns: the names of the ways to a userfaultfd, and who may go which.

/// <summary>The ways to a userfaultfd, in the order in which they are tried.</summary>
[Flags]
internal enum UserfaultAccess
{
    None = 0,

    /// <summary>The system call: root, CAP_SYS_PTRACE, or vm.unprivileged_userfaultfd=1.</summary>
    SystemCall = 1,

    /// <summary>/dev/userfaultfd: whoever may open it.</summary>
    Device = 2,

    /// <summary>The system call with UFFD_USER_MODE_ONLY: any user. With asynchronous write protection no fault is ever
    /// handed to user space, so that the kernel's own writes into guest memory are seen this way too.</summary>
    UserModeOnly = 4,

    Any = SystemCall | Device | UserModeOnly,
}
