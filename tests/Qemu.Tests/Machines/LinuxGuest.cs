using System.Diagnostics;
using System.Globalization;

namespace PageEngine.Qemu.Tests.Machines;

// The Linux guest that eng/qemu-guest makes: it checks its own memory and says every 20 ms how far it is.
internal static class LinuxGuest
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(90);

    /// <summary>Gets why it cannot be used here; null when it can.</summary>
    internal static string? WhyNot { get; } = QemuProcess.WhyNot ?? (File.Exists(Path.Combine(Folder, "stamp")) ? null : "the Linux guest is not made yet: run eng/qemu-guest");

    private static string Folder
    {
        get
        {
            DirectoryInfo? directory = new(AppContext.BaseDirectory);
            while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "PageEngine.sln")))
            {
                directory = directory.Parent;
            }

            return Environment.GetEnvironmentVariable("PAGEENGINE_QEMU_GUEST") ?? Path.Combine(directory?.FullName ?? "", "artifacts", "qemu-guest");
        }
    }

    /// <summary>Starts it, or a QEMU that can receive it.</summary>
    /// <param name="megabytes">The machine's memory.</param>
    /// <param name="settings">What it does, such as "pe.memory=100 pe.rate=100".</param>
    /// <param name="incoming">Whether to wait for a migration.</param>
    /// <param name="more">More arguments.</param>
    internal static Task<QemuProcess> StartAsync(int megabytes, string settings, bool incoming = false, params string[] more) =>
        StartAsync(null, megabytes, settings, incoming, more);

    /// <summary>Starts it in a network namespace.</summary>
    internal static Task<QemuProcess> StartAsync(string? networkNamespace, int megabytes, string settings, bool incoming, params string[] more) =>
        QemuProcess.StartAsync(
            networkNamespace, megabytes, incoming,
            [
                "-kernel", Path.Combine(Folder, "vmlinuz"), "-initrd", Path.Combine(Folder, "initrd"),
                "-append", $"console=ttyS0 quiet panic=1 {settings}", "-no-reboot", .. more,
            ]);

    /// <summary>Waits for a number of ticks beyond those there are, and fails when the guest reports an error.</summary>
    internal static async Task WaitForTicksAsync(QemuProcess qemu, int ticks)
    {
        long began = Stopwatch.GetTimestamp();
        int before = Ticks(qemu).Count;
        while (Ticks(qemu).Count < before + ticks)
        {
            if (qemu.HasExited || Stopwatch.GetElapsedTime(began) > _patience)
            {
                throw new TimeoutException($"the guest made {Ticks(qemu).Count - before} of {ticks} ticks; its last words: {string.Join(" | ", Lines(qemu).TakeLast(5))}");
            }

            await Task.Delay(20);
        }
    }

    /// <summary>Waits for one more line that begins so.</summary>
    internal static async Task WaitForLineAsync(QemuProcess qemu, string beginning)
    {
        long began = Stopwatch.GetTimestamp();
        int Count() => Lines(qemu).Count(line => line.StartsWith(beginning, StringComparison.Ordinal));
        int before = Count();
        while (Count() == before)
        {
            if (qemu.HasExited || Stopwatch.GetElapsedTime(began) > _patience)
            {
                throw new TimeoutException($"the guest sent no '{beginning}'; its last words: {string.Join(" | ", Lines(qemu).TakeLast(5))}");
            }

            await Task.Delay(20);
        }
    }

    /// <summary>Gets the ticks it has sent: number, writes, errors.</summary>
    internal static List<(long Number, long Writes, long Errors)> Ticks(QemuProcess qemu) =>
        [.. Lines(qemu).Select(line => line.Split(' ')).Where(words => words is ["T", _, _, _])
            .Select(words => (Number(words[1]), Number(words[2]), Number(words[3])))];

    /// <summary>Gets the lines that say that something is wrong.</summary>
    internal static IEnumerable<string> Errors(QemuProcess qemu) =>
        Lines(qemu).Where(line => line.StartsWith("E ", StringComparison.Ordinal) || line.StartsWith("X ", StringComparison.Ordinal) || line.Contains("panic", StringComparison.Ordinal) || line.Contains("BUG", StringComparison.Ordinal));

    /// <summary>Gets the whole lines it has sent.</summary>
    internal static string[] Lines(QemuProcess qemu)
    {
        if (!File.Exists(qemu.Serial))
        {
            return [];
        }

        using FileStream file = new(qemu.Serial, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using StreamReader reader = new(file);
        string text = reader.ReadToEnd();
        return text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
    }

    private static long Number(string word) => long.Parse(word, CultureInfo.InvariantCulture);
}

/// <summary>A test that needs the Linux guest; skipped, with the reason, where it is not to be had.</summary>
internal sealed class LinuxGuestFactAttribute : Xunit.FactAttribute
{
    /// <param name="megabytes">How much memory all of the test's machines have together; 0: little.</param>
    public LinuxGuestFactAttribute(int megabytes = 0) => Skip = LinuxGuest.WhyNot ?? LackOfRoom(megabytes);

    private static string? LackOfRoom(int megabytes)
    {
        long free = megabytes == 0 ? 0 : new DriveInfo("/dev/shm").AvailableFreeSpace >> 20;
        return free < megabytes ? string.Create(CultureInfo.InvariantCulture, $"the machines need {megabytes} MiB in /dev/shm, and {free} MiB are free (mount -o remount,size=…)") : null;
    }
}
