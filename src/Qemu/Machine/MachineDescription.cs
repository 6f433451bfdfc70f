using System.Buffers;
using System.Text.Json;
using PageEngine.Qemu.Monitor;

namespace PageEngine.Qemu.Machine;

// Owns: what a destination must know of a machine to decide whether it can take it, as values and as JSON. What comes from
// a peer is read with limits.

/// <summary>What a virtual machine is made of.</summary>
public sealed record MachineDescription
{
    private const int CurrentFormat = 1;
    private const int MaxItems = 4096;

    /// <summary>Gets the identity that QEMU was given with -uuid; null when it was given none.</summary>
    public required Guid? Id { get; init; }

    /// <summary>Gets QEMU's version.</summary>
    public required string Version { get; init; }

    /// <summary>Gets the machine type, with its version, such as pc-q35-7.2.</summary>
    public required string MachineType { get; init; }

    /// <summary>Gets the number of virtual CPUs.</summary>
    public required int Cpus { get; init; }

    /// <summary>Gets the memory backends, by name, with their lengths in bytes.</summary>
    public required IReadOnlyList<KeyValuePair<string, long>> Ram { get; init; }

    /// <summary>Writes it.</summary>
    public ReadOnlyMemory<byte> Encode()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var writer = new Utf8JsonWriter(buffer);
        writer.WriteStartObject();
        writer.WriteNumber("format", CurrentFormat);
        if (Id is { } id)
        {
            writer.WriteString("id", id);
        }

        writer.WriteString("version", Version);
        writer.WriteString("machineType", MachineType);
        writer.WriteNumber("cpus", Cpus);
        writer.WriteStartObject("ram");
        foreach ((string name, long bytes) in Ram)
        {
            writer.WriteNumber(name, bytes);
        }

        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.Flush();
        return buffer.WrittenMemory;
    }

    /// <summary>Reads what a peer wrote.</summary>
    /// <exception cref="MigrationException">It is no description, or of a later version.</exception>
    public static MachineDescription Decode(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = 8 });
            JsonElement root = document.RootElement;
            long format = QmpElement.Number(root, "format");
            if (format != CurrentFormat)
            {
                throw new MigrationException(MigrationErrorKind.VersionMismatch, $"The machine's description has format {format}; this host reads {CurrentFormat}. Update the older host.");
            }

            return new MachineDescription
            {
                Id = Guid.TryParse(QmpElement.TextOrNull(root, "id"), out Guid id) ? id : null,
                Version = QmpElement.Text(root, "version"),
                MachineType = QmpElement.Text(root, "machineType"),
                Cpus = (int)QmpElement.Number(root, "cpus"),
                Ram = [.. Members(root, "ram").Take(MaxItems).Select(member => KeyValuePair.Create(member.Name, member.Value.GetInt64()))],
            };
        }
        catch (Exception e) when (e is JsonException or QmpException or InvalidOperationException or FormatException)
        {
            throw new MigrationException(MigrationErrorKind.DataDamaged, $"The machine's description cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Asks a QEMU.</summary>
    /// <exception cref="QmpException">It does not answer.</exception>
    public static async Task<MachineDescription> ReadAsync(QemuMachine machine, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(machine);
        const string Suffix = "-machine";
        JsonElement type = await machine.Monitor.ExecuteAsync(
            "qom-get",
            static writer =>
            {
                writer.WriteString("path", "/machine");
                writer.WriteString("property", "type");
            },
            cancellationToken).ConfigureAwait(false);
        string name = type.GetString() ?? "";
        JsonElement uuid = await machine.Monitor.ExecuteAsync("query-uuid", null, cancellationToken).ConfigureAwait(false);
        JsonElement cpus = await machine.Monitor.ExecuteAsync("query-cpus-fast", null, cancellationToken).ConfigureAwait(false);
        return new MachineDescription
        {
            Id = Guid.TryParse(QmpElement.TextOrNull(uuid, "UUID"), out Guid id) && id != Guid.Empty ? id : null,
            Version = machine.Monitor.Version.ToString(),
            MachineType = name.EndsWith(Suffix, StringComparison.Ordinal) ? name[..^Suffix.Length] : name,
            Cpus = QmpElement.Items(cpus).Count(),
            Ram = [.. machine.Ram.Select(backend => KeyValuePair.Create(backend.Name, backend.Bytes))],
        };
    }

    private static JsonElement.ObjectEnumerator Members(JsonElement element, string name) =>
        QmpElement.Find(element, name) is { ValueKind: JsonValueKind.Object } found ? found.EnumerateObject() : default;
}
