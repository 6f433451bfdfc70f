using System.Text.Json;
using System.Text.Json.Serialization;

namespace PageEngine.Qemu.Machine;

// Owns: what a destination must know of a machine to decide whether it can take it, as values and as JSON. What comes from
// a peer is read with limits: the engine lets no more than 64 KiB through.

/// <summary>What a virtual machine is made of.</summary>
public sealed record MachineDescription
{
    /// <summary>The only format that is known so far.</summary>
    public const int CurrentFormat = 1;

    /// <summary>Gets the format of this description.</summary>
    public int Format { get; init; } = CurrentFormat;

    /// <summary>Gets the identity that QEMU was given with -uuid; null when it was given none.</summary>
    public required Guid? Id { get; init; }

    /// <summary>Gets QEMU's version.</summary>
    public required string Version { get; init; }

    /// <summary>Gets the machine type, with its version, such as pc-q35-7.2.</summary>
    public required string MachineType { get; init; }

    /// <summary>Gets whether KVM runs the virtual CPUs; otherwise QEMU emulates them.</summary>
    public required bool UsesKvm { get; init; }

    /// <summary>Gets the virtual CPUs' type, such as qemu64-x86_64-cpu.</summary>
    public required string CpuModel { get; init; }

    /// <summary>Gets the features that the virtual CPUs have.</summary>
    public required IReadOnlyList<string> CpuFeatures { get; init; }

    /// <summary>Gets the number of virtual CPUs.</summary>
    public required int Cpus { get; init; }

    /// <summary>Gets the memory backends, by name.</summary>
    public required IReadOnlyList<RamDescription> Ram { get; init; }

    /// <summary>Gets the devices that were added to the machine.</summary>
    public required IReadOnlyList<DeviceDescription> Devices { get; init; }

    /// <summary>Gets the disks.</summary>
    public required IReadOnlyList<DiskDescription> Disks { get; init; }

    /// <summary>Gets the arguments that QEMU was started with; empty where they are not known.</summary>
    public required IReadOnlyList<string> Arguments { get; init; }

    /// <summary>Writes it.</summary>
    public ReadOnlyMemory<byte> Encode() => JsonSerializer.SerializeToUtf8Bytes(this, DescriptionContext.Compact.MachineDescription);

    /// <summary>Reads what a peer wrote.</summary>
    /// <exception cref="MigrationException">It is no description (<see cref="MigrationErrorKind.DataDamaged"/>), or of another
    /// format (<see cref="MigrationErrorKind.VersionMismatch"/>).</exception>
    public static MachineDescription Decode(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            MachineDescription description = JsonSerializer.Deserialize(bytes.Span, DescriptionContext.Compact.MachineDescription)
                ?? throw new JsonException("it is null");
            return description.Format == CurrentFormat
                ? description
                : throw new MigrationException(
                    MigrationErrorKind.VersionMismatch, $"The machine's description has format {description.Format}; this host reads {CurrentFormat}. Update the older host.");
        }
        catch (JsonException e)
        {
            throw new MigrationException(MigrationErrorKind.DataDamaged, $"The machine's description cannot be read: {e.Message}", e);
        }
    }
}

/// <summary>A piece of memory.</summary>
/// <param name="Name">The backend's id.</param>
/// <param name="Bytes">Its length in bytes.</param>
public sealed record RamDescription(string Name, long Bytes);

/// <summary>A device.</summary>
/// <param name="Name">Its id; for one without, where QEMU has put it.</param>
/// <param name="Type">Its type, such as virtio-net-pci.</param>
/// <param name="NetworkAddress">Its network address (MAC), for network cards.</param>
public sealed record DeviceDescription(string Name, string Type, string? NetworkAddress);

/// <summary>A disk.</summary>
/// <param name="Name">Its name in QEMU.</param>
/// <param name="File">The image's file as QEMU was given it; null for an empty drive.</param>
/// <param name="Bytes">The disk's length in bytes.</param>
/// <param name="IsReadOnly">Whether the machine cannot write it.</param>
public sealed record DiskDescription(string Name, string? File, long Bytes, bool IsReadOnly);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, MaxDepth = 8)]
[JsonSerializable(typeof(MachineDescription))]
internal sealed partial class DescriptionContext : JsonSerializerContext
{
    internal static DescriptionContext Compact => Default;
}
