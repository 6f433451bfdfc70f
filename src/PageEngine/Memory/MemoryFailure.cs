using System.Globalization;
using System.Runtime.InteropServices;
using PageEngine.Interop;

namespace PageEngine.Memory;

// Owns: the sentences about memory that could not be had: what was asked for, why it failed, what to do. Pure: the
// machine's numbers are arguments.

internal static class MemoryFailure
{
    /// <summary>A mapping of ordinary pages failed.</summary>
    internal static MigrationException Map(string what, long bytes, int errno, long? availableBytes) =>
        Failed(errno == Libc.ENOMEM
            ? $"Cannot map {Amount(bytes)} of {what}: the kernel refuses that much (ENOMEM){Available(availableBytes)}. Ask for less memory, or check 'ulimit -v', vm.overcommit_memory and vm.max_map_count."
            : $"Cannot map {Amount(bytes)} of {what}: {Reason(errno)}.");

    /// <summary>A mapping of hugetlb pages failed.</summary>
    internal static MigrationException MapHuge(string what, long bytes, long hugePageBytes, int errno, long? freePages)
    {
        long needed = bytes / hugePageBytes;
        string size = Amount(hugePageBytes);
        return Failed((errno, freePages) switch
        {
            (_, null) => $"Cannot map {Amount(bytes)} of {what} in huge pages of {size}: this kernel has no such pages ({Reason(errno)}). Use another huge page size, or none.",
            (Libc.ENOMEM, { } free) => $"Cannot map {Amount(bytes)} of {what} in huge pages of {size}: {needed} pages are needed and the pool has {free} free. Enlarge it, as root: add {Math.Max(1, needed - free)} to /sys/kernel/mm/hugepages/hugepages-{hugePageBytes / 1024}kB/nr_hugepages, or do without huge pages.",
            _ => $"Cannot map {Amount(bytes)} of {what} in huge pages of {size}: {Reason(errno)}.",
        });
    }

    /// <summary>Less memory is available than shall be locked.</summary>
    internal static MigrationException TooLittleToLock(long bytes, long availableBytes) =>
        Failed($"Cannot lock {Amount(bytes)} of guest memory: only {Amount(availableBytes)} are available on this machine. Free memory, ask for less, or do not lock it.");

    /// <summary>Locking failed.</summary>
    internal static MigrationException Lock(long bytes, int errno, long? limitBytes) =>
        Failed(errno is Libc.EPERM or Libc.ENOMEM or Libc.EAGAIN && limitBytes is { } limit
            ? $"Cannot lock {Amount(bytes)} of guest memory: {Reason(errno)}; this process may lock {Amount(limit)} in all (RLIMIT_MEMLOCK). Raise it with 'ulimit -l' or LimitMEMLOCK=, grant CAP_IPC_LOCK, or do not lock the memory."
            : $"Cannot lock {Amount(bytes)} of guest memory: {Reason(errno)}. Free memory, or do not lock it.");

    /// <summary>Memory could not be taken in advance.</summary>
    internal static MigrationException Populate(long bytes, int errno, long? availableBytes) =>
        Failed($"Cannot reserve {Amount(bytes)} of guest memory: {Reason(errno)}{Available(availableBytes)}. Free memory, make room in the file system of the memory's file (mount -o remount,size=…), or do without the reservation.");

    /// <summary>A file could not be opened, created or resized.</summary>
    internal static MigrationException File(string path, string verb, int errno) => Failed(errno == Libc.ENOENT
        ? $"Cannot {verb} the memory file '{path}': it, or its directory, does not exist. Create it, or ask for it to be created."
        : $"Cannot {verb} the memory file '{path}': {Reason(errno)}.");

    /// <summary>A file is shorter than the region.</summary>
    internal static MigrationException FileTooShort(string path, long fileBytes, long bytes) =>
        Failed($"The memory file '{path}' has {Amount(fileBytes)}; the region needs {Amount(bytes)}. Give the file its full length first, or ask for it to be created.");

    /// <summary>A file system has too little room for a file to become as long as the region.</summary>
    internal static MigrationException FileSystemFull(string path, long freeBytes, long neededBytes) =>
        Failed($"The memory file '{path}' needs {Amount(neededBytes)} more and its file system has {Amount(freeBytes)} free. A guest would be killed (SIGBUS) when it runs full: make room, or use another place.");

    /// <summary>A number of bytes as people read it, rounded to two decimals.</summary>
    internal static string Amount(long bytes)
    {
        ReadOnlySpan<string> units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];
        int unit = 0;
        double value = bytes;
        while (value >= 1024 && unit < units.Length - 1)
        {
            value /= 1024;
            unit++;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{value:0.##} {units[unit]}");
    }

    private static MigrationException Failed(string message) => new(MigrationErrorKind.MemoryFailed, message);

    private static string Reason(int errno) => $"{Marshal.GetPInvokeErrorMessage(errno)} (errno {errno})";

    private static string Available(long? bytes) => bytes is { } b ? $"; this machine has {Amount(b)} available" : "";
}
