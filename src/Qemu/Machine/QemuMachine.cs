using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using PageEngine.Memory;
using PageEngine.Qemu.Injection;
using PageEngine.Qemu.Monitor;
using PageEngine.Qemu.Processes;
using PageEngine.Qemu.Ram;
using PageEngine.Tracing;

namespace PageEngine.Qemu.Machine;

// Owns: a running QEMU as this process knows it: its monitor, its process, its memory backends. It changes nothing in QEMU
// but what is asked for by name.

/// <summary>A QEMU process and its monitor. The monitor may be used from any thread.</summary>
public sealed class QemuMachine : IAsyncDisposable
{
    private QemuMachine(QmpClient monitor, int processId, ulong startedAt, IReadOnlyList<RamBackend> ram)
    {
        Monitor = monitor;
        ProcessId = processId;
        StartedAt = startedAt;
        Ram = ram;
    }

    /// <summary>Gets the monitor.</summary>
    public QmpClient Monitor { get; }

    /// <summary>Gets QEMU's process.</summary>
    public int ProcessId { get; }

    /// <summary>Gets when that process started, in the kernel's ticks: numbers of processes are used again.</summary>
    public ulong StartedAt { get; }

    /// <summary>Gets the memory backends, by name.</summary>
    public IReadOnlyList<RamBackend> Ram { get; }

    /// <summary>Connects to a monitor and finds out whose it is.</summary>
    /// <param name="path">The monitor's Unix socket.</param>
    /// <param name="processId">QEMU's process; null: found by the socket's owner and the virtual CPUs' threads.</param>
    /// <param name="options">Limits of the monitor; null: the defaults.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="QmpException">The monitor cannot be used.</exception>
    /// <exception cref="MigrationException">The process was not found (<see cref="MigrationErrorKind.Refused"/>).</exception>
    public static async Task<QemuMachine> ConnectAsync(
        string path, int? processId = null, QmpOptions? options = null, CancellationToken cancellationToken = default)
    {
        QmpClient monitor = await QmpClient.ConnectAsync(path, options, cancellationToken).ConfigureAwait(false);
        try
        {
            JsonElement cpus = await monitor.ExecuteAsync("query-cpus-fast", null, cancellationToken).ConfigureAwait(false);
            int[] threads = [.. QmpElement.Items(cpus).Select(cpu => (int)(QmpElement.NumberOrNull(cpu, "thread-id") ?? 0)).Where(thread => thread > 0)];
            int process = processId ?? Locate(monitor.PeerProcessId, threads) ?? throw NotFound(path, monitor.PeerProcessId);
            ulong startedAt = ProcessFiles.StartedAt(process) ?? throw NotFound(path, process);
            return new QemuMachine(monitor, process, startedAt, await ReadRamAsync(monitor, cancellationToken).ConfigureAwait(false));
        }
        catch
        {
            await monitor.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Gets an identity for a machine that has none of its own: the same as long as this process of QEMU lives.</summary>
    public Guid ProvisionalId
    {
        get
        {
            byte[] name = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{ProcessFiles.BootId} {ProcessId} {StartedAt}"));
            byte[] id = SHA256.HashData(name)[..16];

            // RFC 9562, version 8: made by the application.
            id[6] = (byte)((id[6] & 0x0f) | 0x80);
            id[8] = (byte)((id[8] & 0x3f) | 0x80);
            return new Guid(id, bigEndian: true);
        }
    }

    /// <summary>Asks QEMU for its run state, such as running, paused or inmigrate.</summary>
    /// <exception cref="QmpException">It does not answer.</exception>
    public async Task<string> StatusAsync(CancellationToken cancellationToken = default) =>
        QmpElement.Text(await Monitor.ExecuteAsync("query-status", null, cancellationToken).ConfigureAwait(false), "status");

    /// <summary>Tells whether QEMU's process is gone, or goes within a time.</summary>
    internal async Task<bool> HasDiedAsync(TimeSpan patience, TimeProvider time)
    {
        long began = time.GetTimestamp();
        while (ProcessFiles.IsAlive(ProcessId, StartedAt))
        {
            if (time.GetElapsedTime(began) >= patience)
            {
                return false;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(5), time).ConfigureAwait(false);
        }

        return true;
    }

    /// <summary>Finds where QEMU has mapped its memory.</summary>
    /// <exception cref="MigrationException">It has none that can be shared, or it is not found.</exception>
    public IReadOnlyList<RamMapping> FindRam()
    {
        RamBackend[] shared = [.. Ram.Where(backend => backend.IsShared)];
        if (shared.Length == 0)
        {
            throw new MigrationException(
                MigrationErrorKind.MemoryFailed,
                $"QEMU (process {ProcessId}) has no shared memory backend, so its memory cannot be read from outside. Start it with -object memory-backend-file,id=ram,size=…,mem-path=/dev/shm/NAME,share=on and -machine …,memory-backend=ram.");
        }

        try
        {
            return RamMappings.Find(ProcessId, shared, ProcessFiles.InodeOf, ProcessMaps.Of(ProcessId));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MigrationException(
                MigrationErrorKind.MemoryFailed, $"The mappings of QEMU (process {ProcessId}) cannot be read: {e.Message} Run this as root, or as the user that QEMU runs as.", e);
        }
    }

    /// <summary>Maps QEMU's memory into this process.</summary>
    /// <param name="ram">From <see cref="FindRam"/>.</param>
    /// <exception cref="MigrationException">It cannot be mapped.</exception>
    public static GuestMemory MapMemory(IReadOnlyList<RamMapping> ram) => RamMappings.Map(ram);

    /// <summary>Makes a tracer of what QEMU and its guest write. A userfaultfd that was left in QEMU by a tracer that was
    /// killed is closed first.</summary>
    /// <param name="memory">From <see cref="MapMemory"/>.</param>
    /// <param name="ram">The same mappings.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="MigrationException">The kernel or a permission does not allow it
    /// (<see cref="MigrationErrorKind.TracingFailed"/>).</exception>
    public async Task<ForeignTracing> TraceAsync(GuestMemory memory, IReadOnlyList<RamMapping> ram, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(ram);
        using Process helper = InjectionHelper.Prepare(ProcessId);
        return await TraceAsync(memory, ram, helper, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Makes a tracer that leaves QEMU alone until it is started, and is then begun at once: what it needs is made
    /// ready in the meantime.</summary>
    /// <param name="memory">From <see cref="MapMemory"/>.</param>
    /// <param name="ram">The same mappings.</param>
    /// <param name="began">Is told, on the thread that starts the tracer, what it cost QEMU; the tracer in it is the returned one's.</param>
    /// <exception cref="MigrationException">It cannot be made ready (<see cref="MigrationErrorKind.TracingFailed"/>).</exception>
    public IWriteTracer TraceWhenStarted(GuestMemory memory, IReadOnlyList<RamMapping> ram, Action<ForeignTracing> began) =>
        new ForeignWriteTracer(this, memory, ram, began);

    /// <summary>Makes a userfaultfd in QEMU and brings it here; QEMU keeps none. It sees what the kernel touches for QEMU, too.</summary>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="MigrationException">The kernel or a permission does not allow it
    /// (<see cref="MigrationErrorKind.TracingFailed"/>).</exception>
    public async Task<SafeFileHandle> FetchUserfaultfdAsync(CancellationToken cancellationToken = default)
    {
        await CloseStrayAsync(cancellationToken).ConfigureAwait(false);
        return (await InjectionHelper.MakeAsync(ProcessId, cancellationToken, forKernel: true).ConfigureAwait(false)).Descriptor;
    }

    internal async Task<ForeignTracing> TraceAsync(GuestMemory memory, IReadOnlyList<RamMapping> ram, Process helper, CancellationToken cancellationToken)
    {
        int stray = await CloseStrayAsync(cancellationToken).ConfigureAwait(false);
        FetchedUserfaultfd fetched = await InjectionHelper.MakeAsync(helper, ProcessId, cancellationToken).ConfigureAwait(false);
        try
        {
            var space = new ForeignAddressSpace(ProcessId, fetched.Descriptor, ram.Select(mapping => mapping.Start));
            return new ForeignTracing(KernelWriteTracer.Create(memory, space), fetched.Stopped, stray);
        }
        catch
        {
            fetched.Descriptor.Dispose();
            throw;
        }
    }

    /// <summary>Closes the monitor's connection. QEMU goes on.</summary>
    public ValueTask DisposeAsync() => Monitor.DisposeAsync();

    private async Task<int> CloseStrayAsync(CancellationToken cancellationToken)
    {
        int[] stray = InjectionHelper.FindStray(ProcessId);
        if (stray.Length > 0)
        {
            await InjectionHelper.CloseAsync(ProcessId, stray, cancellationToken).ConfigureAwait(false);
        }

        return stray.Length;
    }

    private static int? Locate(int listener, int[] threads)
    {
        if (listener > 0 && (threads.Length == 0 || threads.All(thread => ProcessFiles.HasThread(listener, thread))))
        {
            return listener;
        }

        // The socket may have been made by somebody else and handed to QEMU: its virtual CPUs' threads are its own.
        int?[] owners = [.. threads.Select(ProcessFiles.ProcessOfThread).Distinct()];
        return owners is [{ } owner] ? owner : null;
    }

    private static MigrationException NotFound(string path, int process) => new(
        MigrationErrorKind.Refused,
        $"The QEMU process behind {path} was not found ({(process > 0 ? $"process {process} is not it, or is in another container" : "the socket has no owner here")}). Run this in QEMU's own process namespace, or name its process.");

    private static async Task<IReadOnlyList<RamBackend>> ReadRamAsync(QmpClient monitor, CancellationToken cancellationToken)
    {
        var backends = new List<RamBackend>();
        JsonElement answer = await monitor.ExecuteAsync("query-memdev", null, cancellationToken).ConfigureAwait(false);
        foreach (JsonElement backend in QmpElement.Items(answer))
        {
            string name = QmpElement.TextOrNull(backend, "id") ?? "";
            bool shared = QmpElement.Flag(backend, "share");
            backends.Add(new RamBackend(name, QmpElement.Number(backend, "size"), shared, await PathOfAsync(monitor, name, cancellationToken).ConfigureAwait(false)));
        }

        return [.. backends.OrderBy(backend => backend.Name, StringComparer.Ordinal)];
    }

    private static async Task<string?> PathOfAsync(QmpClient monitor, string backend, CancellationToken cancellationToken)
    {
        try
        {
            JsonElement path = await monitor.ExecuteAsync(
                "qom-get",
                writer =>
                {
                    writer.WriteString("path", $"/objects/{backend}");
                    writer.WriteString("property", "mem-path");
                },
                cancellationToken).ConfigureAwait(false);
            return path.ValueKind == JsonValueKind.String ? path.GetString() : null;
        }
        catch (QmpException e) when (!e.IsConnection)
        {
            // Memory without a file has no such property.
            return null;
        }
    }
}
