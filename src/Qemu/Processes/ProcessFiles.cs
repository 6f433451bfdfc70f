using System.Globalization;
using PageEngine.Qemu.Interop;

namespace PageEngine.Qemu.Processes;

// Owns: small facts about a process, from /proc. Numbers of processes are used again: a process is known by its number and
// the moment it started.

internal static class ProcessFiles
{
    /// <summary>Gets when a process started, in clock ticks since the host did; null when there is no such process.</summary>
    internal static ulong? StartedAt(int process)
    {
        string[] fields = Stat(process);
        return fields.Length > 19 && ulong.TryParse(fields[19], NumberStyles.None, CultureInfo.InvariantCulture, out ulong ticks) ? ticks : null;
    }

    /// <summary>Tells whether a process that started then still runs; one that only waits for its parent to take note does not.</summary>
    internal static bool IsAlive(int process, ulong startedAt) => Stat(process) is { Length: > 19 } fields && fields[0] is not ("Z" or "X") && StartedAt(process) == startedAt;

    /// <summary>Gets the process that a thread belongs to; null when there is no such thread.</summary>
    internal static int? ProcessOfThread(int thread)
    {
        const string Field = "Tgid:";
        string? line = Read(thread, "status")?.Split('\n').FirstOrDefault(text => text.StartsWith(Field, StringComparison.Ordinal));
        return int.TryParse(line?[Field.Length..].Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out int process) ? process : null;
    }

    /// <summary>Tells whether a process has a thread.</summary>
    internal static bool HasThread(int process, int thread) =>
        Directory.Exists(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/task/{thread}"));

    /// <summary>Gets the arguments a process was started with; empty when they cannot be read.</summary>
    internal static string[] CommandLine(int process) => Read(process, "cmdline")?.TrimEnd('\0').Split('\0') ?? [];

    /// <summary>Gets the inode that a path names; null when it names none.</summary>
    internal static ulong? InodeOf(string path) =>
        Libc.statx(Libc.AT_FDCWD, path, 0, Libc.STATX_INO, out Libc.statx_buffer found) == 0 ? found.stx_ino : null;

    /// <summary>Gets how many bytes a file really takes; 0 when there is none.</summary>
    internal static long AllocatedBytes(string path) =>
        Libc.statx(Libc.AT_FDCWD, path, 0, Libc.STATX_BLOCKS, out Libc.statx_buffer found) == 0 ? (long)found.stx_blocks * 512 : 0;

    /// <summary>Gets a name for this boot of the host.</summary>
    internal static string BootId => File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();

    // The name, in parentheses, may hold anything; 22 fields on, the start is the 20th behind it.
    private static string[] Stat(int process)
    {
        string? stat = Read(process, "stat");
        return stat?[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [];
    }

    private static string? Read(int process, string file)
    {
        try
        {
            return File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/{file}"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
