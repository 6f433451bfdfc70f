using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace PageEngine.Devices;

// Owns: device state in memory: named, versioned sections. How they look as bytes is DeviceStateCodec's.

/// <summary>One section: the state of one device, or of the virtual CPUs.</summary>
/// <param name="Kind">What it describes, such as "vcpu"; 1 to <see cref="MaxKindBytes"/> ASCII characters.</param>
/// <param name="Instance">Which one of several.</param>
/// <param name="Version">The version of the payload's own format; zero is not valid.</param>
/// <param name="Payload">The bytes.</param>
public sealed record DeviceStateSection(string Kind, uint Instance, ushort Version, ReadOnlyMemory<byte> Payload)
{
    /// <summary>The longest kind, in bytes of ASCII.</summary>
    public const int MaxKindBytes = 64;
}

/// <summary>Everything of a guest that is not memory. Immutable.</summary>
public sealed class DeviceState
{
    private readonly DeviceStateSection[] _sections;

    /// <summary>Makes a state of sections.</summary>
    public DeviceState(IEnumerable<DeviceStateSection> sections) => _sections = [.. sections];

    /// <summary>Gets the sections in the order they were written.</summary>
    public IReadOnlyList<DeviceStateSection> Sections => _sections;

    /// <summary>Finds a section.</summary>
    public bool TryGet(string kind, uint instance, [NotNullWhen(true)] out DeviceStateSection? section)
    {
        foreach (DeviceStateSection candidate in _sections)
        {
            if (candidate.Kind == kind && candidate.Instance == instance)
            {
                section = candidate;
                return true;
            }
        }

        section = null;
        return false;
    }

    /// <summary>Gets a section that must be there.</summary>
    /// <exception cref="MigrationException">It is not there (<see cref="MigrationErrorKind.DataDamaged"/>), or its version is above
    /// what the caller knows (<see cref="MigrationErrorKind.VersionMismatch"/>).</exception>
    public DeviceStateSection Require(string kind, uint instance, ushort maxVersion)
    {
        if (!TryGet(kind, instance, out DeviceStateSection? section))
        {
            throw new MigrationException(MigrationErrorKind.DataDamaged, $"The device state has no section '{kind}' {instance}.");
        }

        if (section.Version == 0 || section.Version > maxVersion)
        {
            throw new MigrationException(
                MigrationErrorKind.VersionMismatch,
                $"Section '{kind}' {instance} has version {section.Version}; this guest reads 1 to {maxVersion}. Update the destination.");
        }

        return section;
    }
}

/// <summary>Collects the sections that a guest saves. Used by one thread at a time.</summary>
public sealed class DeviceStateWriter
{
    private readonly List<DeviceStateSection> _sections = [];
    private readonly ArrayBufferWriter<byte>? _room;

    /// <summary>Makes a writer.</summary>
    public DeviceStateWriter()
    {
    }

    /// <param name="room">Where payloads are put; what was in it is overwritten.</param>
    internal DeviceStateWriter(ArrayBufferWriter<byte> room)
    {
        room.ResetWrittenCount();
        _room = room;
    }

    /// <summary>Adds a section.</summary>
    /// <param name="kind">What it describes.</param>
    /// <param name="instance">Which one of several; the pair must be new.</param>
    /// <param name="version">The version of the payload's format, 1 or more.</param>
    /// <param name="payload">The bytes; copied.</param>
    public void Add(string kind, uint instance, ushort version, ReadOnlySpan<byte> payload) => Add(kind, instance, version, [], payload);

    /// <summary>Adds a section whose payload is in two pieces.</summary>
    /// <param name="kind">What it describes.</param>
    /// <param name="instance">Which one of several; the pair must be new.</param>
    /// <param name="version">The version of the payload's format, 1 or more.</param>
    /// <param name="head">The first bytes; copied.</param>
    /// <param name="rest">The bytes behind them; copied.</param>
    public void Add(string kind, uint instance, ushort version, ReadOnlySpan<byte> head, ReadOnlySpan<byte> rest)
    {
        ArgumentException.ThrowIfNullOrEmpty(kind);
        ArgumentOutOfRangeException.ThrowIfZero(version);
        if (kind.Length > DeviceStateSection.MaxKindBytes || !System.Text.Ascii.IsValid(kind))
        {
            throw new ArgumentException($"A section's kind is at most {DeviceStateSection.MaxKindBytes} ASCII characters.", nameof(kind));
        }

        if (_sections.Exists(s => s.Kind == kind && s.Instance == instance))
        {
            throw new ArgumentException($"Section '{kind}' {instance} was already added.", nameof(kind));
        }

        int bytes = head.Length + rest.Length;
        Memory<byte> payload = (_room?.GetMemory(Math.Max(1, bytes)) ?? new byte[bytes])[..bytes];
        head.CopyTo(payload.Span);
        rest.CopyTo(payload.Span[head.Length..]);
        _room?.Advance(bytes);
        _sections.Add(new DeviceStateSection(kind, instance, version, payload));
    }

    /// <summary>Gets what was collected.</summary>
    public DeviceState ToDeviceState() => new(_sections);
}

/// <summary>Memory that device states pass through on their way out, kept from one to the next: what a rehearsal has touched is not
/// touched for the first time while the guest stands still.</summary>
internal sealed class DeviceStateRoom
{
    /// <summary>Gets the room for the sections' payloads.</summary>
    internal ArrayBufferWriter<byte> Payloads { get; } = new();

    /// <summary>Gets the room for the encoded state.</summary>
    internal ArrayBufferWriter<byte> Encoded { get; } = new();

    /// <summary>Makes room for states of this size and touches it; what was in it is gone.</summary>
    internal void Prepare(int bytes)
    {
        foreach (ArrayBufferWriter<byte> room in (ReadOnlySpan<ArrayBufferWriter<byte>>)[Payloads, Encoded])
        {
            room.ResetWrittenCount();
            room.GetSpan(bytes).Clear();
        }
    }
}
