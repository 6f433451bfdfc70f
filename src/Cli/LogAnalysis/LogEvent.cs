namespace PageEngine.Cli.LogAnalysis;

// Owns: what one recognised line says. Only recognised lines become objects.

/// <summary>What a line is about.</summary>
internal enum LogEventKind
{
    None = 0,
    Opening,
    Prepare,
    Request,
    MigrationInfo,
    Affinity,
    ReplicationStart,
    ReplicationEnd,
    StreamWorker,
    ConnectionBound,
    ConnectionAccepted,
    BufferSize,
    StreamAdded,
    AnotherRound,
    RoundDone,
    PreCopyStopped,
    PreCopyForced,
    AllPagesSent,
    RestoreOpened,
    StunBegins,
    Stunned,
    Unstunned,
    StateChanged,
    StateFinished,
    ConfigurationReadOnly,
    HostLogWritten,
    RemoteLog,
    ProcessLeft,
    PortDisconnected,
    LockProbed,
    LockRecord,
    UnregisterAnswer,
    FailureStatus,
    FailureText,
    GeneralFailure,
    SwitchoverTimeExceeded,
    PreCopyEndFailed,
    ControlFault,
    NetworkWaitFailed,
    KeepAliveFailed,
    BackAtSource,
    Guest,
    Phase,
    Decision,
    Rehearsal,
    SwitchoverStep,
    Verification,
    Blackout,
    Finished,
    Failed,
    Detected,
    EstimateAtFailure,
    OwnNote,
}

/// <summary>One recognised line. A value that the line does not have, or that it is cut off before, is null.</summary>
internal sealed record LogEvent
{
    /// <summary>Gets what the line is about.</summary>
    public required LogEventKind Kind { get; set; }

    /// <summary>Gets when, by the clock of the host that wrote it.</summary>
    public LogStamp Stamp { get; set; }

    /// <summary>Gets the migration's id.</summary>
    public ulong? Id { get; set; }

    /// <summary>Gets 'S', 'D', or 0 where the line does not tell.</summary>
    public char Side { get; set; }

    /// <summary>Gets the guest's number on its host.</summary>
    public long? World { get; set; }

    /// <summary>Gets the guest's number at the destination.</summary>
    public long? DestinationWorld { get; set; }

    /// <summary>Gets the source's address.</summary>
    public string? Source { get; set; }

    /// <summary>Gets the destination's address.</summary>
    public string? Destination { get; set; }

    /// <summary>Gets pages: left, modified or offered, as the kind says.</summary>
    public long? Pages { get; set; }

    /// <summary>Gets the pages of the round before; -1 where there was none.</summary>
    public long? LastPages { get; set; }

    /// <summary>Gets the pages that went with their bytes.</summary>
    public long? SentPages { get; set; }

    /// <summary>Gets the pages that were zero.</summary>
    public long? ZeroPages { get; set; }

    /// <summary>Gets bytes: on the wire, of memory or of a buffer.</summary>
    public long? Bytes { get; set; }

    /// <summary>Gets a number: a stream's, a round's, a status.</summary>
    public long? Number { get; set; }

    /// <summary>Gets how long.</summary>
    public double? Milliseconds { get; set; }

    /// <summary>Gets the goal or the limit that the line names.</summary>
    public double? LimitMilliseconds { get; set; }

    /// <summary>Gets the bandwidth, in units of 2^20 bytes per second.</summary>
    public double? MegabytesPerSecond { get; set; }

    /// <summary>Gets the ratio of transmitted to dirtied pages, in percent.</summary>
    public double? T2dPercent { get; set; }

    /// <summary>Gets words of the line that are worth quoting.</summary>
    public string? Text { get; set; }

    /// <summary>Gets whether the line is cut off.</summary>
    public bool IsCutOff { get; set; }

    /// <summary>Gets which log it comes from.</summary>
    public int Log { get; set; }
}
