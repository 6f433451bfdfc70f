using Microsoft.Extensions.Logging;
using PageEngine.Ownership;

namespace PageEngine.Recovery;

// Owns: the choices of whoever settles an attempt.

/// <summary>What an operator says about the other side of an attempt.</summary>
public enum OperatorWord
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The other side is dead: its process has ended, and its copy is gone or will never be started. With a store
    /// the record is believed before the operator.</summary>
    OtherSideIsDead = 1,

    /// <summary>The guest runs on the other side, or is to run there: this side's copy goes. With a store only what the record
    /// says is done, but a destination that had begun to resume and has lost its memory gives the guest back.</summary>
    OtherSideRuns = 2,
}

/// <summary>Options of settling an attempt.</summary>
public sealed record RecoveryOptions
{
    /// <summary>Gets the ownership store; null: none. It is proven, before anything is decided, to be the one that the
    /// attempt used.</summary>
    public IOwnershipStore? Store { get; init; }

    /// <summary>Gets what finds the guest's copy, if one outlived its process; null, or a result of null: none did.</summary>
    public Func<OpenAttempt, CancellationToken, ValueTask<HeldCopy?>>? FindCopy { get; init; }

    /// <summary>Gets what raises the epoch at every resource that the guest's effects reach, as in a migration. Null: nothing is guarded.</summary>
    public Func<Guid, ulong, CancellationToken, ValueTask>? RaiseGuards { get; init; }

    /// <summary>Gets what the operator says.</summary>
    public OperatorWord Operator { get; init; }

    /// <summary>Gets how long to wait between tries; default 250 ms.</summary>
    public TimeSpan RetryInterval { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Gets for how long to try before the attempt is left as it is; default 120 s. Zero: one look.</summary>
    public TimeSpan RetryPeriod { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>Gets how long a prepared destination waits for the source before it claims the guest; default 240 s, counted
    /// from the beginning of the settling.</summary>
    public TimeSpan ClaimTimeout { get; init; } = TimeSpan.FromSeconds(240);

    /// <summary>Gets the logger.</summary>
    public ILogger? Logger { get; init; }

    /// <summary>Gets the clock.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
