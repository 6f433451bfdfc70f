using System.Globalization;
using PageEngine.Interop;

namespace PageEngine.Memory;

// Owns: what this machine says about its memory. Read only while a region is made or its failure explained; a value
// that the system does not tell is null, and then nothing is concluded from it.

internal static class SystemMemory
{
    /// <summary>Gets the bytes that can be had without swapping (MemAvailable); null when unknown.</summary>
    internal static long? AvailableBytes() => ParseAvailableBytes(ReadOrEmpty("/proc/meminfo"));

    /// <summary>Gets the free pages of a hugetlb pool; null when the kernel has no pool of that size.</summary>
    internal static long? FreeHugePages(long hugePageBytes) =>
        long.TryParse(
            ReadOrEmpty($"/sys/kernel/mm/hugepages/hugepages-{hugePageBytes / 1024}kB/free_hugepages"),
            NumberStyles.Integer,
            CultureInfo.InvariantCulture,
            out long pages)
            ? pages
            : null;

    /// <summary>Gets how many bytes this process may lock; null: no limit is known.</summary>
    internal static unsafe long? LockLimitBytes()
    {
        ulong* limit = stackalloc ulong[2];

        // SAFETY: the kernel writes one struct rlimit: two 64-bit numbers, the limit in force and its ceiling.
        return Libc.getrlimit(Libc.RLIMIT_MEMLOCK, limit) == 0 && limit[0] <= long.MaxValue ? (long)limit[0] : null;
    }

    internal static long? ParseAvailableBytes(string meminfo)
    {
        const string Key = "MemAvailable:";
        foreach (ReadOnlySpan<char> line in meminfo.AsSpan().EnumerateLines())
        {
            if (line.StartsWith(Key, StringComparison.Ordinal) && line.EndsWith(" kB", StringComparison.Ordinal))
            {
                return long.TryParse(line[Key.Length..^3], NumberStyles.Integer, CultureInfo.InvariantCulture, out long kib) ? kib * 1024 : null;
            }
        }

        return null;
    }

    private static string ReadOrEmpty(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
