namespace PageEngine.Ownership;

// Owns: what the ownership store holds about a guest.

/// <summary>Names one run of a guest: 128 random bits, never a host.</summary>
/// <param name="Value">The bits.</param>
public readonly record struct RunId(Guid Value)
{
    /// <summary>Makes a new random one.</summary>
    public static RunId NewRandom() => new(Guid.NewGuid());

    /// <inheritdoc/>
    public override string ToString() => Value.ToString("N");
}

/// <summary>Names one attempt to migrate: 128 random bits.</summary>
/// <param name="Value">The bits.</param>
public readonly record struct AttemptId(Guid Value)
{
    /// <summary>Makes a new random one.</summary>
    public static AttemptId NewRandom() => new(Guid.NewGuid());

    /// <inheritdoc/>
    public override string ToString() => Value.ToString("N");
}

/// <summary>One epoch of a guest. Written once, never changed.</summary>
/// <param name="GuestId">The guest.</param>
/// <param name="Epoch">1 for the first run; each change of owner creates the next.</param>
/// <param name="Holder">The run that may execute under this epoch.</param>
/// <param name="Attempt">The migration attempt that created it; all zero bits when none did.</param>
public sealed record OwnershipRecord(Guid GuestId, ulong Epoch, RunId Holder, AttemptId Attempt);

/// <summary>How far the holder of an epoch has come, durably.</summary>
public enum OwnershipMark
{
    /// <summary>Nothing was marked.</summary>
    None = 0,

    /// <summary>The holder may have begun to execute: nobody hands this epoch back automatically.</summary>
    Resuming = 1,

    /// <summary>The holder executes.</summary>
    Running = 2,
}

/// <summary>What became of an attempt to create an epoch.</summary>
public enum CreateOutcome
{
    /// <summary>Not a valid outcome.</summary>
    None = 0,

    /// <summary>The epoch is this record, durably.</summary>
    Created = 1,

    /// <summary>The epoch exists and is another record.</summary>
    Conflict = 2,

    /// <summary>It cannot be told: stay paused and read.</summary>
    Unknown = 3,
}
