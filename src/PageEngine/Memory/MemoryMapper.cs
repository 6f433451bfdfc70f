using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using PageEngine.Interop;

namespace PageEngine.Memory;

// Owns: the steps from a wish for memory to a mapping: check, open, map, advise, lock. Whatever fails on the way, the
// steps before it are undone and the reason is named. Knows nothing of guests.

/// <summary>A mapping that somebody must own from now on.</summary>
/// <param name="Address">The first byte.</param>
/// <param name="File">The descriptor behind it; null for anonymous memory.</param>
/// <param name="IsFresh">Whether the backing was made here and reads as zero.</param>
internal readonly record struct MemoryMapping(nint Address, SafeFileHandle? File, bool IsFresh);

internal static class MemoryMapper
{
    internal const long TwoMiB = 2L << 20;
    internal const long OneGiB = 1L << 30;

    /// <summary>The longest name of a memfd, in bytes of UTF-8 (the kernel's limit).</summary>
    internal const int MaxMemoryFileNameBytes = 249;

    internal static MemoryMapping MapAnonymous(long bytes, MemoryBackingOptions options)
    {
        int flags = Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS;

        // Hugetlb without NORESERVE takes its pages from the pool now: an empty pool is an error here, not a SIGBUS later.
        flags |= options.HugePageBytes switch
        {
            0 => Libc.MAP_NORESERVE,
            TwoMiB => Libc.MAP_HUGETLB | Libc.MAP_HUGE_2MB,
            _ => Libc.MAP_HUGETLB | Libc.MAP_HUGE_1GB,
        };
        return new MemoryMapping(Map("anonymous guest memory", bytes, flags, file: null, options), File: null, IsFresh: true);
    }

    internal static MemoryMapping MapMemoryFile(long bytes, string name, MemoryBackingOptions options)
    {
        uint flags = Libc.MFD_CLOEXEC | Libc.MFD_ALLOW_SEALING | options.HugePageBytes switch
        {
            0 => 0,
            TwoMiB => Libc.MFD_HUGETLB | Libc.MFD_HUGE_2MB,
            _ => Libc.MFD_HUGETLB | Libc.MFD_HUGE_1GB,
        };
        string what = $"shared guest memory '{name}'";
        int fd = Libc.memfd_create(name, flags);
        if (fd < 0)
        {
            throw Explain(what, bytes, options, Marshal.GetLastPInvokeError());
        }

        var file = new SafeFileHandle(fd, ownsHandle: true);
        try
        {
            // The seals keep another holder of the descriptor from truncating it under the mapping (SIGBUS).
            if (Libc.ftruncate(file, bytes) != 0 || Libc.fcntl(file, Libc.F_ADD_SEALS, Libc.F_SEAL_SHRINK | Libc.F_SEAL_GROW) != 0)
            {
                throw Explain(what, bytes, options, Marshal.GetLastPInvokeError());
            }

            return new MemoryMapping(Map(what, bytes, Libc.MAP_SHARED, file, options), file, IsFresh: true);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    internal static MemoryMapping MapFile(string path, long bytes, bool create, MemoryBackingOptions options)
    {
        SafeFileHandle file = OpenFile(path, create, out bool created);
        try
        {
            long length = RandomAccess.GetLength(file);
            if (length < bytes)
            {
                if (!create)
                {
                    throw MemoryFailure.FileTooShort(path, length, bytes);
                }

                Lengthen(path, file, length, bytes);
            }

            return new MemoryMapping(Map($"the memory file '{path}'", bytes, Libc.MAP_SHARED, file, options), file, IsFresh: created);
        }
        catch (Exception e)
        {
            file.Dispose();
            if (created)
            {
                File.Delete(path);
            }

            if (e is NotSupportedException)
            {
                throw new MigrationException(MigrationErrorKind.MemoryFailed, $"'{path}' has no length, so it cannot hold guest memory. Name a regular file.", e);
            }

            throw;
        }
    }

    private static SafeFileHandle OpenFile(string path, bool create, out bool created)
    {
        // Exclusive creation decides who made the file, and with it who may believe that it is zero.
        created = false;
        int fd = Libc.open(path, Libc.O_RDWR | Libc.O_CLOEXEC, 0);
        int errno = fd < 0 ? Marshal.GetLastPInvokeError() : 0;
        if (fd < 0 && errno == Libc.ENOENT && create)
        {
            fd = Libc.open(path, Libc.O_RDWR | Libc.O_CLOEXEC | Libc.O_CREAT | Libc.O_EXCL, Convert.ToUInt32("600", 8));
            errno = fd < 0 ? Marshal.GetLastPInvokeError() : 0;
            created = fd >= 0;
        }

        return fd >= 0 ? new SafeFileHandle(fd, ownsHandle: true) : throw MemoryFailure.File(path, create ? "open or create" : "open", errno);
    }

    private static void Lengthen(string path, SafeFileHandle file, long length, long bytes)
    {
        // A sparse file on a full file system kills whoever writes to it, so the room must be there at the start.
        long free = new DriveInfo(path).AvailableFreeSpace;
        if (free < bytes - length)
        {
            throw MemoryFailure.FileSystemFull(path, free, bytes - length);
        }

        if (Libc.ftruncate(file, bytes) != 0)
        {
            throw MemoryFailure.File(path, "lengthen", Marshal.GetLastPInvokeError());
        }
    }

    private static nint Map(string what, long bytes, int flags, SafeFileHandle? file, MemoryBackingOptions options)
    {
        if (options.Lock && options.HugePageBytes == 0 && SystemMemory.AvailableBytes() is { } available && available < bytes)
        {
            throw MemoryFailure.TooLittleToLock(bytes, available);
        }

        int fd = file is null ? -1 : (int)file.DangerousGetHandle();
        nint address = Libc.mmap(0, (nuint)bytes, Libc.PROT_READ | Libc.PROT_WRITE, flags, fd, 0);
        if (address == Libc.MAP_FAILED)
        {
            throw Explain(what, bytes, options, Marshal.GetLastPInvokeError());
        }

        if (options.HugePageBytes == 0)
        {
            // Only advice: a kernel built without transparent huge pages answers EINVAL, and nothing is lost.
            _ = Libc.madvise(address, (nuint)bytes, options.TransparentHugePages ? Libc.MADV_HUGEPAGE : Libc.MADV_NOHUGEPAGE);
        }

        if (options.Lock && Libc.mlock(address, (nuint)bytes) != 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            _ = Libc.munmap(address, (nuint)bytes);
            throw MemoryFailure.Lock(bytes, errno, SystemMemory.LockLimitBytes());
        }

        return address;
    }

    private static MigrationException Explain(string what, long bytes, MemoryBackingOptions options, int errno) =>
        options.HugePageBytes == 0
            ? MemoryFailure.Map(what, bytes, errno, SystemMemory.AvailableBytes())
            : MemoryFailure.MapHuge(what, bytes, options.HugePageBytes, errno, SystemMemory.FreeHugePages(options.HugePageBytes));
}
