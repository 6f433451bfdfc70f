using PageEngine.Guests;

namespace PageEngine.Recovery;

// Owns: the seam to wherever a guest is that outlived the process that moved it: a file, a process of its own, memory.

/// <summary>A paused, complete guest that outlived the process which moved it. It is opened only when it is to run.</summary>
public abstract class HeldCopy
{
    /// <summary>Brings the guest here, paused, with all of its memory and state. Called at most once.</summary>
    /// <exception cref="MigrationException">It cannot be had, or it is damaged; nothing was decided meanwhile.</exception>
    public abstract ValueTask<IGuest> OpenAsync(CancellationToken cancellationToken);

    /// <summary>Sees to it, durably, that this copy is not found again. Called before the guest's first instruction: a
    /// process that dies later must not find an old state. Called, too, when the copy is discarded. The default does
    /// nothing, which is right for a guest that lives in a process of its own.</summary>
    /// <exception cref="MigrationException">It may still be found; the guest is not started.</exception>
    public virtual ValueTask ForgetAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>Ends a copy that was not opened and must never run: the record gives the guest to the other side. The default
    /// does nothing, which is right for a copy that is bytes; a guest in a process of its own ends with that process.</summary>
    /// <exception cref="MigrationException">It could not be ended; somebody must see to it.</exception>
    public virtual ValueTask EndAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;
}
