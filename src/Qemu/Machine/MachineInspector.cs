using System.Text.Json;
using PageEngine.Qemu.Monitor;
using PageEngine.Qemu.Processes;

namespace PageEngine.Qemu.Machine;

// Owns: the questions that are asked to a QEMU before anything is done, and the reading of its answers. It changes nothing.

/// <summary>Looks a machine over.</summary>
public static class MachineInspector
{
    private const string MachineSuffix = "-machine";
    private const string ChildPrefix = "child<";
    private const int MaxArgumentsBytes = 16 * 1024;

    private const string NestedFeature = "vmx";

    /// <summary>Reads what the machine is made of.</summary>
    /// <exception cref="QmpException">QEMU does not answer.</exception>
    public static async Task<MachineDescription> DescribeAsync(QemuMachine machine, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(machine);
        QmpClient monitor = machine.Monitor;
        JsonElement[] cpus = [.. QmpElement.Items(await monitor.ExecuteAsync("query-cpus-fast", null, cancellationToken).ConfigureAwait(false))];
        string? cpu = cpus.Length > 0 ? QmpElement.TextOrNull(cpus[0], "qom-path") : null;
        string type = await GetTextAsync(monitor, "/machine", "type", cancellationToken).ConfigureAwait(false) ?? "";
        JsonElement uuid = await monitor.ExecuteAsync("query-uuid", null, cancellationToken).ConfigureAwait(false);
        JsonElement kvm = await monitor.ExecuteAsync("query-kvm", null, cancellationToken).ConfigureAwait(false);
        string[] arguments = ProcessFiles.CommandLine(machine.ProcessId);
        return new MachineDescription
        {
            Id = Guid.TryParse(QmpElement.TextOrNull(uuid, "UUID"), out Guid id) && id != Guid.Empty ? id : null,
            Version = monitor.Version.ToString(),
            MachineType = type.EndsWith(MachineSuffix, StringComparison.Ordinal) ? type[..^MachineSuffix.Length] : type,
            UsesKvm = QmpElement.Flag(kvm, "enabled"),
            CpuModel = cpu is null ? "" : await GetTextAsync(monitor, cpu, "type", cancellationToken).ConfigureAwait(false) ?? "",
            CpuFeatures = cpu is null ? [] : await ReadFeaturesAsync(monitor, cpu, cancellationToken).ConfigureAwait(false),
            Cpus = cpus.Length,
            Ram = [.. machine.Ram.Select(backend => new RamDescription(backend.Name, backend.Bytes))],
            Devices = await ReadDevicesAsync(monitor, cancellationToken).ConfigureAwait(false),
            Disks = ReadDisks(await monitor.ExecuteAsync("query-block", null, cancellationToken).ConfigureAwait(false)),
            Arguments = arguments.Sum(argument => (long)argument.Length) <= MaxArgumentsBytes ? arguments : [],
        };
    }

    /// <summary>Reads how the machine is now.</summary>
    /// <exception cref="QmpException">QEMU does not answer.</exception>
    public static async Task<MachineState> LookAsync(QemuMachine machine, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(machine);
        QmpClient monitor = machine.Monitor;
        JsonElement migration = await monitor.ExecuteAsync("query-migrate", null, cancellationToken).ConfigureAwait(false);
        JsonElement capabilities = await monitor.ExecuteAsync("query-migrate-capabilities", null, cancellationToken).ConfigureAwait(false);
        JsonElement memory = await monitor.ExecuteAsync("query-memory-size-summary", null, cancellationToken).ConfigureAwait(false);

        // Which back end a card has is not to be had in another form.
        JsonElement network = await monitor.ExecuteAsync(
            "human-monitor-command", static writer => writer.WriteString("command-line", "info network"), cancellationToken).ConfigureAwait(false);
        return new MachineState
        {
            RunState = await machine.StatusAsync(cancellationToken).ConfigureAwait(false),
            MigrationState = QmpElement.TextOrNull(migration, "status") ?? "none",
            Blockers = [.. QmpElement.Items(QmpElement.Find(migration, "blocked-reasons") ?? default).Select(reason => reason.GetString() ?? "")],
            Capabilities = [.. QmpElement.Items(capabilities).Select(capability => QmpElement.Text(capability, "capability"))],
            NetworkBackends = [.. (network.ValueKind == JsonValueKind.String ? network.GetString()! : "").Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)],
            MemoryBytes = QmpElement.Number(memory, "base-memory") + (QmpElement.NumberOrNull(memory, "plugged-memory") ?? 0),
        };
    }

    private static async Task<IReadOnlyList<string>> ReadFeaturesAsync(QmpClient monitor, string cpu, CancellationToken cancellationToken)
    {
        List<string> features = await GetAsync(monitor, cpu, "feature-words", cancellationToken).ConfigureAwait(false) is { } words ? [.. ProcessorFeatures.Of(words)] : [];
        if (features.Contains(NestedFeature))
        {
            // What a guest's own guests may use is in no CPUID word: asked by name.
            JsonElement properties = await monitor.ExecuteAsync("qom-list", writer => writer.WriteString("path", cpu), cancellationToken).ConfigureAwait(false);
            string[] names = [.. QmpElement.Items(properties)
                .Where(property => QmpElement.TextOrNull(property, "type") == "bool")
                .Select(property => QmpElement.Text(property, "name"))
                .Where(name => name.StartsWith(NestedFeature + "-", StringComparison.Ordinal))];
            JsonElement?[] answers = await Task.WhenAll(names.Select(name => GetAsync(monitor, cpu, name, cancellationToken))).ConfigureAwait(false);
            features.AddRange(names.Where((_, i) => answers[i] is { ValueKind: JsonValueKind.True }));
        }

        return [.. features.Distinct().Order(StringComparer.Ordinal)];
    }

    private static async Task<IReadOnlyList<DeviceDescription>> ReadDevicesAsync(QmpClient monitor, CancellationToken cancellationToken)
    {
        var devices = new List<DeviceDescription>();
        foreach (string container in (string[])["/machine/peripheral", "/machine/peripheral-anon"])
        {
            JsonElement children = await monitor.ExecuteAsync("qom-list", writer => writer.WriteString("path", container), cancellationToken).ConfigureAwait(false);
            foreach (JsonElement child in QmpElement.Items(children))
            {
                string type = QmpElement.Text(child, "type");
                if (type.StartsWith(ChildPrefix, StringComparison.Ordinal))
                {
                    string name = QmpElement.Text(child, "name");
                    string? address = await GetTextAsync(monitor, $"{container}/{name}", "mac", cancellationToken).ConfigureAwait(false);
                    devices.Add(new DeviceDescription(name, type[ChildPrefix.Length..^1], address));
                }
            }
        }

        return [.. devices.OrderBy(device => device.Name, StringComparer.Ordinal)];
    }

    private static IReadOnlyList<DiskDescription> ReadDisks(JsonElement blocks)
    {
        var disks = new List<DiskDescription>();
        foreach (JsonElement block in QmpElement.Items(blocks))
        {
            string name = QmpElement.TextOrNull(block, "device") is { Length: > 0 } device ? device : QmpElement.TextOrNull(block, "qdev") ?? "";
            JsonElement inserted = QmpElement.Find(block, "inserted") ?? default;
            JsonElement image = QmpElement.Find(inserted, "image") ?? default;
            disks.Add(new DiskDescription(
                name, QmpElement.TextOrNull(image, "filename"), QmpElement.NumberOrNull(image, "virtual-size") ?? 0, QmpElement.Flag(inserted, "ro")));
        }

        return [.. disks.OrderBy(disk => disk.Name, StringComparer.Ordinal)];
    }

    private static async Task<string?> GetTextAsync(QmpClient monitor, string path, string property, CancellationToken cancellationToken) =>
        await GetAsync(monitor, path, property, cancellationToken).ConfigureAwait(false) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    private static async Task<JsonElement?> GetAsync(QmpClient monitor, string path, string property, CancellationToken cancellationToken)
    {
        try
        {
            return await monitor.ExecuteAsync(
                "qom-get",
                writer =>
                {
                    writer.WriteString("path", path);
                    writer.WriteString("property", property);
                },
                cancellationToken).ConfigureAwait(false);
        }
        catch (QmpException e) when (!e.IsConnection)
        {
            // It has no such property.
            return null;
        }
    }
}
