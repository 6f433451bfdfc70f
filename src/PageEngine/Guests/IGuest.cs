using PageEngine.Devices;
using PageEngine.Memory;

namespace PageEngine.Guests;

// Owns: the seam between the engine and whatever runs on the guest's memory.

/// <summary>What a destination needs to build a guest that can receive this one.</summary>
/// <param name="Kind">Which sort of guest, such as "embedded"; the destination refuses kinds it does not know.</param>
/// <param name="Configuration">The kind's own description, opaque to the engine; at most <see cref="MaxConfigurationBytes"/>.</param>
public sealed record GuestDescription(string Kind, ReadOnlyMemory<byte> Configuration)
{
    /// <summary>The most bytes a configuration may have.</summary>
    public const int MaxConfigurationBytes = 64 * 1024;
}

/// <summary>
/// A guest that can be migrated: anything whose state is pages plus a little device state. Implement this to embed
/// the engine. The engine calls the methods one at a time; the guest's own threads run beside them. What a method throws
/// ends the attempt: a <see cref="MigrationException"/> is reported as it is, anything else as a fault of the engine.
/// </summary>
public interface IGuest
{
    /// <summary>Gets the guest's identity, the same on every host and across migrations. It names the ownership record.</summary>
    Guid Id { get; }

    /// <summary>Gets the guest's memory. The guest owns it and disposes it.</summary>
    GuestMemory Memory { get; }

    /// <summary>Describes the guest for the destination.</summary>
    GuestDescription Describe();

    /// <summary>Stops the guest at a safe point. When the task completes no virtual CPU runs and no write to
    /// <see cref="Memory"/> is under way or outstanding, except those that <see cref="SaveStateAsync"/> makes.
    /// Harmless when already paused.</summary>
    ValueTask PauseAsync(CancellationToken cancellationToken);

    /// <summary>Lets the guest run from where it was paused or loaded.</summary>
    /// <param name="epoch">The ownership epoch it runs under: every effect that leaves the guest carries it.</param>
    /// <param name="cancellationToken">Cancels the attempt.</param>
    ValueTask ResumeAsync(ulong epoch, CancellationToken cancellationToken);

    /// <summary>Writes everything that is not memory: virtual CPUs, devices, clocks. Called while paused; may still
    /// write guest memory (the engine collects once more afterwards).</summary>
    ValueTask SaveStateAsync(DeviceStateWriter writer, CancellationToken cancellationToken);

    /// <summary>Takes what <see cref="SaveStateAsync"/> wrote. Called at the destination with all memory in place.</summary>
    /// <exception cref="MigrationException">A section is missing or damaged (<see cref="MigrationErrorKind.DataDamaged"/>), or of a version
    /// that this guest does not know (<see cref="MigrationErrorKind.VersionMismatch"/>).</exception>
    ValueTask LoadStateAsync(DeviceState state, CancellationToken cancellationToken);

    /// <summary>Ends the guest at this host for good: it has moved away, or a copy that never ran is discarded.
    /// <see cref="Memory"/> stays until its owner disposes it: the engine may still compare it.</summary>
    ValueTask PowerOffAsync(CancellationToken cancellationToken);

    /// <summary>Runs, without any effect, whatever code pausing, saving, loading and resuming will need, so that none of it
    /// is compiled or loaded for the first time while the guest stands still. Called on both sides before the rounds; the
    /// default does nothing.</summary>
    ValueTask RehearseAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>Slows the guest's virtual CPUs so that it dirties pages more slowly.</summary>
    /// <param name="fraction">The share of time taken away, 0 (none) to 1 (all).</param>
    /// <returns>False when this guest cannot be throttled; the planner then does without.</returns>
    bool TryThrottle(double fraction) => false;

    /// <summary>Gets whether the guest lives in a process of its own and goes on, or stays paused there, when the process
    /// ends that moves it. The same on both sides.</summary>
    bool LivesInOwnProcess => false;

    /// <summary>Gets a task that completes, with the reason, when the guest is gone by itself and no call can succeed any more:
    /// the attempt then ends at once, not at the next call. A reason of kind <see cref="MigrationErrorKind.GuestLost"/> says of a
    /// source that its guest runs no more. The default never completes.</summary>
    Task<MigrationException> Ended => NeverEnded;

    private static Task<MigrationException> NeverEnded { get; } = new TaskCompletionSource<MigrationException>().Task;

    /// <summary>Gets whether the guest can run at the destination before all of its memory is there.</summary>
    bool SupportsPostCopy => false;
}
