using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using PageEngine.Qemu.Machine;
using PageEngine.Qemu.Monitor;

namespace PageEngine.Qemu.Tests.Machines;

// One QEMU for a test: its files in a directory of its own, ended when the test ends.
internal sealed class QemuProcess : IAsyncDisposable
{
    internal const string Program = "qemu-system-x86_64";
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly Task<string> _errors;
    private readonly string _directory;

    private QemuProcess(Process process, string directory, string ramFile, string qmp, string serial)
    {
        _process = process;
        _directory = directory;
        _errors = process.StandardError.ReadToEndAsync();
        RamFile = ramFile;
        Qmp = qmp;
        Serial = serial;
    }

    /// <summary>Gets why no QEMU can be used here; null when one can.</summary>
    internal static string? WhyNot { get; } =
        !(Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(directory => File.Exists(Path.Combine(directory, Program))) ? $"{Program} is not installed"
        : Environment.OSVersion.Version < new Version(6, 7) ? "the kernel is older than Linux 6.7"
        : !Environment.IsPrivilegedProcess ? "tracing another process needs root"
        : System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture != System.Runtime.InteropServices.Architecture.X64 ? "only x86-64 hosts are supported so far"
        : null;

    internal string RamFile { get; }

    internal string Qmp { get; }

    internal string Serial { get; }

    internal int Id => _process.Id;

    internal bool HasExited => _process.HasExited;

    /// <summary>Starts a QEMU.</summary>
    /// <param name="megabytes">Its memory.</param>
    /// <param name="incoming">Whether it waits for a migration.</param>
    /// <param name="more">More arguments.</param>
    internal static Task<QemuProcess> StartAsync(int megabytes, bool incoming = false, params string[] more) => StartAsync(null, megabytes, incoming, more);

    /// <summary>Starts a QEMU in a network namespace.</summary>
    internal static async Task<QemuProcess> StartAsync(string? networkNamespace, int megabytes, bool incoming, params string[] more)
    {
        string directory = Directory.CreateTempSubdirectory("peqemu").FullName;
        string name = Path.GetFileName(directory);
        string ram = $"/dev/shm/{name}";
        string qmp = Path.Combine(directory, "qmp");
        string serial = Path.Combine(directory, "serial");
        List<string> arguments =
        [
            "-machine", more.Contains("-accel") ? "pc,memory-backend=ram" : "pc,accel=tcg,memory-backend=ram",
            "-object", string.Create(CultureInfo.InvariantCulture, $"memory-backend-file,id=ram,size={megabytes}M,mem-path={ram},share=on"),
            "-m", string.Create(CultureInfo.InvariantCulture, $"{megabytes}M"),
            "-nodefaults", "-display", "none", "-serial", $"file:{serial}", "-qmp", $"unix:{qmp},server=on,wait=off",
            .. more,
        ];
        if (incoming)
        {
            arguments.AddRange(["-incoming", "defer", "-S"]);
        }

        if (networkNamespace is not null)
        {
            // It becomes QEMU itself: the process is the same.
            arguments = ["netns", "exec", networkNamespace, Program, .. arguments];
        }

        ProcessStartInfo start = new(networkNamespace is null ? Program : "ip", arguments) { RedirectStandardError = true, RedirectStandardInput = true };
        var qemu = new QemuProcess(Process.Start(start)!, directory, ram, qmp, serial);
        long began = Stopwatch.GetTimestamp();
        while (!File.Exists(qmp))
        {
            if (qemu.HasExited || Stopwatch.GetElapsedTime(began) > _patience)
            {
                string errors = qemu.HasExited ? await qemu._errors : "no monitor";
                await qemu.DisposeAsync();
                throw new InvalidOperationException($"QEMU did not start: {errors}");
            }

            await Task.Delay(10);
        }

        return qemu;
    }

    /// <summary>Starts the boot-sector guest, or a QEMU that can receive it.</summary>
    internal static Task<QemuProcess> StartBootSectorAsync(int megabytes, string image, bool incoming = false, params string[] more) =>
        StartAsync(
            megabytes, incoming,
            [
                "-drive", $"if=none,id=boot,format=raw,readonly=on,file={image}", "-device", "virtio-blk-pci,drive=boot,bootindex=0", .. more,
            ]);

    /// <summary>Waits until the guest has been through all of its pages.</summary>
    internal async Task WaitForPassesAsync(int passes)
    {
        long began = Stopwatch.GetTimestamp();
        long before = SerialBytes;
        while (SerialBytes < before + passes)
        {
            if (HasExited || Stopwatch.GetElapsedTime(began) > _patience)
            {
                throw new TimeoutException($"the guest made {SerialBytes - before} of {passes} passes{(HasExited ? ", then QEMU ended: " + await _errors : "")}");
            }

            await Task.Delay(10);
        }
    }

    internal long SerialBytes => File.Exists(Serial) ? new FileInfo(Serial).Length : 0;

    internal Task<QemuMachine> ConnectAsync(ILogger? log = null) => QemuMachine.ConnectAsync(Qmp, options: new QmpOptions { Logger = log });

    internal static async Task<string> StatusAsync(QmpClient monitor) =>
        (await monitor.ExecuteAsync("query-status")).GetProperty("status").GetString()!;

    /// <summary>Waits for the end of the process.</summary>
    internal async Task WaitForExitAsync() => await _process.WaitForExitAsync().WaitAsync(_patience);

    /// <summary>Gets what it wrote to its standard error, when it has ended.</summary>
    internal Task<string> ErrorsAsync() => _errors;

    internal void Kill() => _process.Kill();

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await _process.WaitForExitAsync();
        _process.Dispose();
        File.Delete(RamFile);
        Directory.Delete(_directory, recursive: true);
    }
}
