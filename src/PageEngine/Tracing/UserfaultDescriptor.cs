using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using PageEngine.Interop;
using PageEngine.Memory;
using static PageEngine.Interop.Userfaultfd;

namespace PageEngine.Tracing;

// Owns: one userfaultfd with asynchronous write protection, of this process or, made there and brought here, of another.
// Closing it, or the death of this process, ends all tracing through it. Used by one thread at a time.

internal sealed unsafe class UserfaultDescriptor : IDisposable
{
    private const ulong WantedFeatures = UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED | UFFD_FEATURE_WP_HUGETLBFS_SHMEM;

    private readonly SafeFileHandle _fd;

    private UserfaultDescriptor(SafeFileHandle fd, UserfaultAccess access)
    {
        _fd = fd;
        Access = access;
    }

    /// <summary>Gets which way was taken.</summary>
    internal UserfaultAccess Access { get; }

    /// <summary>Opens a userfaultfd by the first way that works and switches asynchronous write protection on.</summary>
    /// <param name="allowed">The ways to try.</param>
    /// <exception cref="MigrationException">No way works, or the kernel is too old.</exception>
    internal static UserfaultDescriptor Open(UserfaultAccess allowed)
    {
        SafeFileHandle? fd = TryOpen(allowed, out UserfaultAccess access, out int errno);
        if (fd is null)
        {
            throw TracingFailure.Create(TracingStep.Open, errno);
        }

        return SwitchOn(fd, access);
    }

    /// <summary>Switches asynchronous write protection on in a userfaultfd that acts on another process.</summary>
    /// <param name="fd">The descriptor, new; owned from here on.</param>
    /// <exception cref="MigrationException">The kernel is too old.</exception>
    internal static UserfaultDescriptor Take(SafeFileHandle fd) => SwitchOn(fd, UserfaultAccess.None);

    private static UserfaultDescriptor SwitchOn(SafeFileHandle fd, UserfaultAccess access)
    {
        uffdio_api api = new() { api = UFFD_API, features = WantedFeatures };

        // SAFETY: the struct lives on this stack for the length of the call.
        if (TracingCalls.ioctl(fd, UFFDIO_API, &api) != 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            fd.Dispose();
            throw TracingFailure.Create(TracingStep.Features, errno);
        }

        return new UserfaultDescriptor(fd, access);
    }

    /// <summary>Puts a mapping under tracing. Nothing is armed yet.</summary>
    /// <returns>0, or the error number.</returns>
    internal int Register(uffdio_range range)
    {
        uffdio_register register = new() { range = range, mode = UFFDIO_REGISTER_MODE_WP };

        // SAFETY: the struct lives on this stack for the length of the call.
        return Result(TracingCalls.ioctl(_fd, UFFDIO_REGISTER, &register));
    }

    /// <summary>Takes a mapping out of tracing and disarms its pages.</summary>
    /// <returns>0, or the error number.</returns>
    internal int Unregister(uffdio_range range)
    {
        // SAFETY: the struct lives on this stack for the length of the call.
        return Result(TracingCalls.ioctl(_fd, UFFDIO_UNREGISTER, &range));
    }

    /// <summary>Arms every page of a registered mapping, those too that do not exist yet.</summary>
    /// <returns>0, or the error number.</returns>
    internal int Protect(uffdio_range whole)
    {
        ulong start = whole.start;
        ulong end = start + whole.len;
        while (start < end)
        {
            ulong stop = Math.Min(end, (start & ~(PagemapScanner.ChunkBytes - 1)) + PagemapScanner.ChunkBytes);
            uffdio_writeprotect protect = new()
            {
                range = new uffdio_range { start = start, len = stop - start },
                mode = UFFDIO_WRITEPROTECT_MODE_WP,
            };

            // SAFETY: the struct lives on this stack for the length of the call.
            int errno = Result(TracingCalls.ioctl(_fd, UFFDIO_WRITEPROTECT, &protect));
            if (errno is TracingCalls.EAGAIN or TracingCalls.EINTR)
            {
                continue;
            }

            if (errno != 0)
            {
                return errno;
            }

            start = stop;
        }

        return 0;
    }

    /// <inheritdoc/>
    public void Dispose() => _fd.Dispose();

    private static SafeFileHandle? TryOpen(UserfaultAccess allowed, out UserfaultAccess access, out int errno)
    {
        errno = TracingCalls.ENOSYS;
        access = UserfaultAccess.None;
        const int Flags = TracingCalls.O_CLOEXEC | TracingCalls.O_NONBLOCK;
        if (SYS_userfaultfd < 0)
        {
            return null;
        }

        if (allowed.HasFlag(UserfaultAccess.SystemCall))
        {
            access = UserfaultAccess.SystemCall;
            nint fd = TracingCalls.syscall(SYS_userfaultfd, Flags);
            if (fd >= 0)
            {
                return new SafeFileHandle(fd, ownsHandle: true);
            }

            errno = Marshal.GetLastPInvokeError();
        }

        if (allowed.HasFlag(UserfaultAccess.Device))
        {
            access = UserfaultAccess.Device;
            int device = TracingCalls.open("/dev/userfaultfd", TracingCalls.O_RDWR | TracingCalls.O_CLOEXEC);
            if (device >= 0)
            {
                using SafeFileHandle opened = new(device, ownsHandle: true);
                int fd = TracingCalls.ioctl(opened, USERFAULTFD_IOC_NEW, (nint)Flags);
                if (fd >= 0)
                {
                    return new SafeFileHandle(fd, ownsHandle: true);
                }
            }

            errno = Marshal.GetLastPInvokeError();
        }

        if (allowed.HasFlag(UserfaultAccess.UserModeOnly))
        {
            access = UserfaultAccess.UserModeOnly;
            nint fd = TracingCalls.syscall(SYS_userfaultfd, Flags | UFFD_USER_MODE_ONLY);
            if (fd >= 0)
            {
                return new SafeFileHandle(fd, ownsHandle: true);
            }

            errno = Marshal.GetLastPInvokeError();
        }

        return null;
    }

    private static int Result(int returned) => returned == 0 ? 0 : Marshal.GetLastPInvokeError();
}
