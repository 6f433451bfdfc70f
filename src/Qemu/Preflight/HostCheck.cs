using System.Globalization;
using PageEngine.Qemu.Ram;

namespace PageEngine.Qemu.Preflight;

// Owns: what must hold of the host so that another process can be traced and its memory be opened. It opens and closes, and
// changes nothing.

/// <summary>Judges a host.</summary>
public static class HostCheck
{
    private static readonly Version _oldestKernel = new(6, 7);

    /// <summary>Finds everything of the source's host that stands in the way.</summary>
    /// <param name="processId">QEMU's process.</param>
    public static IReadOnlyList<Finding> JudgeSource(int processId)
    {
        var findings = new List<Finding>();
        Version kernel = Environment.OSVersion.Version;
        if (kernel < _oldestKernel)
        {
            findings.Add(new Finding(
                $"Linux {kernel.Major}.{kernel.Minor} cannot trace another process's writes: that came with Linux {_oldestKernel}.", "Boot a later kernel (Debian 12: the one from backports)."));
        }

        string process = "/proc/" + processId.ToString(CultureInfo.InvariantCulture);
        string? tracer = TracerOf(process);
        if (tracer is not null)
        {
            findings.Add(new Finding($"Process {tracer} traces QEMU (a debugger, strace).", "End it first: a process has one tracer at a time."));
        }

        if (!CanOpen(process + "/pagemap") || !CanList(process + "/map_files"))
        {
            findings.Add(new Finding(
                $"This user may not look into QEMU (process {processId}).", "Run this as root, or with CAP_SYS_PTRACE and CAP_CHECKPOINT_RESTORE."));
        }

        return findings;
    }

    /// <summary>Gets the room, in bytes, that is left for a backend's file, what it holds already included; null when that
    /// cannot be told.</summary>
    public static long? FreeBytes(RamBackend backend)
    {
        ArgumentNullException.ThrowIfNull(backend);
        try
        {
            return backend.Path is { } path && Path.GetDirectoryName(path) is { Length: > 0 } directory && Directory.Exists(directory)
                ? new DriveInfo(directory).AvailableFreeSpace + Processes.ProcessFiles.AllocatedBytes(path)
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }

    private static string? TracerOf(string process)
    {
        const string Field = "TracerPid:";
        try
        {
            string? line = File.ReadLines(process + "/status").FirstOrDefault(text => text.StartsWith(Field, StringComparison.Ordinal));
            return line?[Field.Length..].Trim() is { } number && number != "0" ? number : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static bool CanOpen(string path)
    {
        try
        {
            File.OpenHandle(path).Dispose();
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static bool CanList(string path)
    {
        try
        {
            return Directory.EnumerateFileSystemEntries(path).Any();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
