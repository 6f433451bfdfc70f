namespace PageEngine;

// Owns: the one exception type of the engine and its closed set of kinds. Both hosts use the same kinds, so that
// both reports name the same cause.

/// <summary>What went wrong. The codes travel to the peer and are never reused; zero is not a valid code.</summary>
public enum MigrationErrorKind
{
    /// <summary>Not an error; never sent.</summary>
    None = 0,

    /// <summary>The operator or the embedder cancelled.</summary>
    Cancelled = 1,

    /// <summary>The guest writes faster than can be sent, and the policy gave up.</summary>
    NotConverging = 2,

    /// <summary>The remaining copy time, or the time already spent, passed the abort limit.</summary>
    AbortTimeReached = 3,

    /// <summary>The peer could not be reached, or closed the connection.</summary>
    ConnectionLost = 4,

    /// <summary>The peer did not answer in time.</summary>
    Timeout = 5,

    /// <summary>What the peer sent breaks the protocol: malformed, truncated, oversized or outside the layout.</summary>
    ProtocolViolation = 6,

    /// <summary>No protocol version is known to both sides.</summary>
    VersionMismatch = 7,

    /// <summary>The destination cannot take this guest.</summary>
    Refused = 8,

    /// <summary>The guest failed to pause, resume, save or load.</summary>
    GuestFailed = 9,

    /// <summary>Write tracing failed or is not available.</summary>
    TracingFailed = 10,

    /// <summary>Memory could not be had or mapped.</summary>
    MemoryFailed = 11,

    /// <summary>The ownership store refused, failed, or is not the same on both sides.</summary>
    OwnershipFailed = 12,

    /// <summary>Another migration of this guest is under way.</summary>
    AlreadyMigrating = 13,

    /// <summary>Checksums, hashes or totals do not match.</summary>
    DataDamaged = 14,

    /// <summary>The outcome is not known to this side; the guest is held.</summary>
    InDoubt = 15,

    /// <summary>No complete copy of the guest survived.</summary>
    GuestLost = 16,

    /// <summary>An engine bug: an invariant did not hold.</summary>
    Internal = 17,

    /// <summary>A checkpoint cannot be written or read: no room, no permission, or the storage failed.</summary>
    StorageFailed = 18,
}

/// <summary>Where in the migration it went wrong.</summary>
public enum MigrationPhase
{
    /// <summary>Not begun.</summary>
    None = 0,

    /// <summary>Connecting and agreeing on version, layout and streams.</summary>
    Handshake = 1,

    /// <summary>Copying memory in rounds while the guest runs.</summary>
    PreCopy = 2,

    /// <summary>The guest is paused; nothing has been prepared yet.</summary>
    Pause = 3,

    /// <summary>The destination restores and prepares.</summary>
    Prepare = 4,

    /// <summary>The next epoch is being created.</summary>
    Commit = 5,

    /// <summary>The destination takes over.</summary>
    Resume = 6,

    /// <summary>After the guest runs at the destination: verification, hand-over of statistics, power-off.</summary>
    Complete = 7,
}

/// <summary>Who noticed a failure.</summary>
public enum DetectedBy
{
    /// <summary>Nobody.</summary>
    None = 0,

    /// <summary>The role that owns the migration and lives longest.</summary>
    Supervisor = 1,

    /// <summary>The role that drives tracing and pre-copy.</summary>
    Monitor = 2,

    /// <summary>The role that moves bytes.</summary>
    Transport = 3,

    /// <summary>The guest itself.</summary>
    Guest = 4,
}

/// <summary>A migration failed. The message says what happened, where, and what to do.</summary>
public sealed class MigrationException : Exception
{
    /// <summary>Makes an exception of a kind.</summary>
    /// <param name="kind">What went wrong.</param>
    /// <param name="message">One sentence for a person, with what to do next.</param>
    /// <param name="inner">The cause, if another exception was.</param>
    public MigrationException(MigrationErrorKind kind, string message, Exception? inner = null)
        : base(message, inner)
    {
        Kind = kind;
    }

    /// <summary>Gets what went wrong.</summary>
    public MigrationErrorKind Kind { get; }

    /// <summary>Gets or sets where it went wrong; the session fills it in when the thrower did not know.</summary>
    public MigrationPhase Phase { get; set; }

    /// <summary>Gets or sets who noticed.</summary>
    public DetectedBy DetectedBy { get; set; }

    /// <summary>Gets or sets whether the peer reported it.</summary>
    public bool FromPeer { get; set; }

    /// <summary>Gets the causes beneath this one, outermost first; also those that a peer reported.</summary>
    public IReadOnlyList<string> Causes => ReportedCauses ?? [.. CausesOf(this)];

    /// <summary>Gets what a person should do next, whatever the message says about this very case.</summary>
    public string WhatToDo => FailureAdvice.For(Kind);

    /// <summary>Gets the causes that came over the wire; null for a failure of this side.</summary>
    internal IReadOnlyList<string>? ReportedCauses { get; init; }

    private static IEnumerable<string> CausesOf(Exception exception)
    {
        for (Exception? cause = exception.InnerException; cause is not null; cause = cause.InnerException)
        {
            yield return cause is MigrationException migration ? $"{migration.Kind}: {migration.Message}" : $"{cause.GetType().Name}: {cause.Message}";
        }
    }
}
