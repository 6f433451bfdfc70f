namespace PageEngine.Cli.History;

// Owns: what is known on disk about a migration while it runs.

/// <summary>Says that a process is migrating a guest.</summary>
internal sealed record ActiveMarker
{
    /// <summary>Gets the migration's id.</summary>
    public required ulong MigrationId { get; init; }

    /// <summary>Gets "source" or "destination".</summary>
    public required string Role { get; init; }

    /// <summary>Gets the guest.</summary>
    public required string GuestId { get; init; }

    /// <summary>Gets the guest's memory in bytes.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>Gets the peer, for people.</summary>
    public required string Peer { get; init; }

    /// <summary>Gets when it began.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>Gets the process that runs it.</summary>
    public required int ProcessId { get; init; }

    /// <summary>Gets when that process started, in clock ticks since boot: a number that was given to another process
    /// since then is not taken for it.</summary>
    public required long ProcessStartTicks { get; init; }
}
