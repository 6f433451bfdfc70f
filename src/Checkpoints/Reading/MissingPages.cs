using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using PageEngine.Checkpoints.Interop;
using PageEngine.Memory;
using static PageEngine.Checkpoints.Interop.MissingCalls;
using static PageEngine.Interop.TracingCalls;
using static PageEngine.Interop.Userfaultfd;

namespace PageEngine.Checkpoints.Reading;

// Owns: the kernel's side of memory whose pages are brought when another process touches them: which faults wait, putting pages in
// place. A page that is there already stays: whoever came first had the same bytes, or the process has written it since. Any thread.

internal sealed unsafe class MissingPages : IDisposable
{
    private const int MessagesAtOnce = 64;

    private readonly SafeFileHandle _fd;
    private readonly ulong[] _addresses;
    private readonly long[] _firstPages;

    /// <param name="userfaultfd">Made in the other process; owned from here on.</param>
    /// <param name="layout">The memory.</param>
    /// <param name="addresses">Where the other process has mapped each region.</param>
    internal MissingPages(SafeFileHandle userfaultfd, MemoryLayout layout, IEnumerable<ulong> addresses)
    {
        _fd = userfaultfd;
        _addresses = [.. addresses];
        _firstPages = new long[_addresses.Length + 1];
        for (int i = 0; i < _addresses.Length; i++)
        {
            _firstPages[i + 1] = _firstPages[i] + layout.Regions[i].PageCount;
        }
    }

    /// <summary>Makes touching a page that is not there wait, in all regions.</summary>
    /// <exception cref="MigrationException">The kernel does not do that here.</exception>
    internal void Register()
    {
        // SAFETY: the structs live on this stack for the length of the calls.
        uffdio_api api = new() { api = UFFD_API, features = UFFD_FEATURE_MISSING_SHMEM };
        Require(ioctl(_fd, UFFDIO_API, &api));
        for (int i = 0; i < _addresses.Length; i++)
        {
            uffdio_register register = new() { range = RangeOf(i), mode = UFFDIO_REGISTER_MODE_MISSING };
            Require(ioctl(_fd, UFFDIO_REGISTER, &register));
            if ((register.ioctls & COPY_AND_ZEROPAGE) != COPY_AND_ZEROPAGE)
            {
                throw new MigrationException(MigrationErrorKind.Refused, "The memory has reserved huge pages, which cannot be brought on demand page by page. Restore without --lazy.");
            }
        }
    }

    /// <summary>Lets everything that is not there be zero, and wakes who waits. An error means that the process is gone.</summary>
    internal void Unregister()
    {
        for (int i = 0; i < _addresses.Length; i++)
        {
            uffdio_range range = RangeOf(i);
            _ = ioctl(_fd, UFFDIO_UNREGISTER, &range); // SAFETY: on this stack.
        }
    }

    /// <summary>Waits for pages that are touched, or until a time is over.</summary>
    /// <param name="milliseconds">How long.</param>
    /// <param name="pages">Receives their numbers.</param>
    /// <returns>How many.</returns>
    internal int Wait(int milliseconds, Span<long> pages)
    {
        pollfd poll = new() { fd = (int)_fd.DangerousGetHandle(), events = POLLIN };
        byte* messages = stackalloc byte[MessagesAtOnce * MessageBytes];
        if (MissingCalls.poll(&poll, 1, milliseconds) <= 0)
        {
            return 0;
        }

        // SAFETY: the buffer has room for as many messages; the kernel writes whole ones.
        nint bytes = read(_fd, messages, (nuint)(Math.Min(MessagesAtOnce, pages.Length) * MessageBytes));
        int count = 0;
        for (byte* message = messages; message < messages + bytes; message += MessageBytes)
        {
            if (*message == UFFD_EVENT_PAGEFAULT && PageAt(*(ulong*)(message + 16)) is >= 0 and long page)
            {
                pages[count++] = page;
            }
        }

        return count;
    }

    /// <summary>Puts pages of one region in place where none is yet.</summary>
    /// <returns>False: the process has ended.</returns>
    internal bool Put(long page, int count, byte* bytes)
    {
        ulong address = AddressOf(page);
        ulong length = (ulong)count * MemoryLayout.PageBytes;
        for (ulong done = 0; done < length;)
        {
            uffdio_copy copy = new() { dst = address + done, src = (ulong)bytes + done, len = length - done };
            int errno = ioctl(_fd, UFFDIO_COPY, &copy) == 0 ? 0 : Marshal.GetLastPInvokeError(); // SAFETY: on this stack; the caller's pages.
            done += copy.copy > 0 ? (ulong)copy.copy : 0;
            if (errno == EEXIST)
            {
                Wake(address + done);
                done += MemoryLayout.PageBytes;
            }
            else if (errno is not (0 or EAGAIN or EINTR))
            {
                return IsGone(errno) ? false : throw Failed(errno);
            }
        }

        return true;
    }

    /// <summary>Puts a page of zeros in place where none is yet.</summary>
    /// <returns>False: the process has ended.</returns>
    internal bool PutZero(long page)
    {
        while (true)
        {
            uffdio_zeropage zero = new() { range = new uffdio_range { start = AddressOf(page), len = MemoryLayout.PageBytes } };
            int errno = ioctl(_fd, UFFDIO_ZEROPAGE, &zero) == 0 ? 0 : Marshal.GetLastPInvokeError(); // SAFETY: on this stack.
            if (errno == EEXIST)
            {
                Wake(AddressOf(page));
            }

            if (errno is not (EAGAIN or EINTR))
            {
                return errno is 0 or EEXIST || (IsGone(errno) ? false : throw Failed(errno));
            }
        }
    }

    /// <summary>Closes the descriptor. What waits goes on with zeros unless somebody else has a copy of it.</summary>
    public void Dispose() => _fd.Dispose();

    private static bool IsGone(int errno) => errno is ESRCH or ENOENT;

    private static void Require(int returned)
    {
        if (returned != 0)
        {
            throw Failed(Marshal.GetLastPInvokeError());
        }
    }

    private static MigrationException Failed(int errno) => new(
        MigrationErrorKind.MemoryFailed, $"The kernel does not let pages be brought on demand here: {Marshal.GetPInvokeErrorMessage(errno)}. Restore without --lazy.");

    // Somebody may have begun to wait just before another one put the page in place.
    private void Wake(ulong address)
    {
        uffdio_range range = new() { start = address, len = MemoryLayout.PageBytes };
        _ = ioctl(_fd, UFFDIO_WAKE, &range); // SAFETY: on this stack.
    }

    private uffdio_range RangeOf(int region) => new()
    {
        start = _addresses[region],
        len = (ulong)(_firstPages[region + 1] - _firstPages[region]) * MemoryLayout.PageBytes,
    };

    private ulong AddressOf(long page)
    {
        int region = 0;
        while (page >= _firstPages[region + 1])
        {
            region++;
        }

        return _addresses[region] + ((ulong)(page - _firstPages[region]) * MemoryLayout.PageBytes);
    }

    private long PageAt(ulong address)
    {
        for (int i = 0; i < _addresses.Length; i++)
        {
            uffdio_range range = RangeOf(i);
            if (address - range.start < range.len)
            {
                return _firstPages[i] + (long)((address - range.start) / MemoryLayout.PageBytes);
            }
        }

        return -1;
    }
}
