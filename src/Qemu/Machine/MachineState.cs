namespace PageEngine.Qemu.Machine;

// Owns: what of a machine changes from one moment to the next and matters before it is moved.

/// <summary>How a machine is at a moment.</summary>
public sealed record MachineState
{
    /// <summary>Gets QEMU's run state, such as running, paused or inmigrate.</summary>
    public required string RunState { get; init; }

    /// <summary>Gets the state of QEMU's own migration, such as none or completed.</summary>
    public required string MigrationState { get; init; }

    /// <summary>Gets why QEMU itself would refuse to migrate, in its own words.</summary>
    public required IReadOnlyList<string> Blockers { get; init; }

    /// <summary>Gets the migration capabilities that this QEMU knows.</summary>
    public required IReadOnlyList<string> Capabilities { get; init; }

    /// <summary>Gets the network back ends, one line each, as QEMU lists them.</summary>
    public required IReadOnlyList<string> NetworkBackends { get; init; }

    /// <summary>Gets how much memory the machine has in all, in bytes.</summary>
    public required long MemoryBytes { get; init; }
}
