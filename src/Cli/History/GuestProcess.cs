namespace PageEngine.Cli.History;

// Owns: how a process is known that has a guest and outlives whoever moves it.

/// <summary>A process that has the guest of one side of a migration.</summary>
internal sealed record GuestProcess
{
    public required ulong MigrationId { get; init; }
    public required string Role { get; init; }
    public required Guid GuestId { get; init; }
    public required string Monitor { get; init; }
    public required int ProcessId { get; init; }

    /// <summary>Gets when the process started, in ticks since the host did: numbers of processes are used again.</summary>
    public required ulong StartTicks { get; init; }
}
