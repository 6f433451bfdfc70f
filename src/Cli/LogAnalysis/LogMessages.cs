namespace PageEngine.Cli.LogAnalysis;

// Owns: the table of messages: the words that each one begins with, and who reads what follows. Numbers of source lines
// change with each build and are never looked at. Pure.

/// <summary>Reads the values of a message; false: it is another message after all.</summary>
internal delegate bool MessageReader(ref LineCursor cursor, LogEvent found);

/// <summary>One message.</summary>
/// <param name="Anchor">The words that it begins with.</param>
/// <param name="Kind">What it is about.</param>
/// <param name="Read">Who reads the rest.</param>
/// <param name="Before">A word that must stand somewhere before; null: none.</param>
internal sealed record LogMessage(string Anchor, LogEventKind Kind, MessageReader Read, string? Before = null)
{
    /// <summary>Tells whether what stands before the words allows this message.</summary>
    public bool MayFollow(ReadOnlySpan<char> head) => Before is null || head.Contains(Before, StringComparison.Ordinal);
}

/// <summary>All messages.</summary>
internal static class LogMessages
{
    /// <summary>The table. Of messages that begin alike the more specific one stands first.</summary>
    public static IReadOnlyList<LogMessage> Table { get; } =
    [
        // Hosts: the kernel's log.
        new("Setting migration info ts = ", LogEventKind.Opening, ForeignMessages.Opening),
        new("Setting VMOTION info: Source ts = ", LogEventKind.Opening, ForeignMessages.Opening),
        new("Source vmmLeaderID = ", LogEventKind.Opening, ForeignMessages.OpeningOfSource),
        new("Dest vmmLeaderID = ", LogEventKind.Opening, ForeignMessages.OpeningOfDestination),
        new("Affinitizing ", LogEventKind.Affinity, ForeignMessages.Affinity),
        new("worldlet affinity to send World ID ", LogEventKind.Affinity, ForeignMessages.SendingWorld),
        new("Migration start received (worldID=", LogEventKind.ReplicationStart, ForeignMessages.Replication),
        new("Migration end received (worldID=", LogEventKind.ReplicationEnd, ForeignMessages.Replication),
        new("vmotionStreamHelper", LogEventKind.StreamWorker, ForeignMessages.StreamWorker),
        new("Successfully bound connection to vmknic '", LogEventKind.ConnectionBound, ForeignMessages.Bound),
        new("Accepted connection from <", LogEventKind.ConnectionAccepted, ForeignMessages.Accepted),
        new("receive buffer size is ", LogEventKind.BufferSize, ForeignMessages.BufferSize),
        new("Stream connection ", LogEventKind.StreamAdded, ForeignMessages.Stream),
        new("Another pre-copy iteration needed with ", LogEventKind.AnotherRound, ForeignMessages.AnotherRound),
        new("Stopping pre-copy: only ", LogEventKind.PreCopyStopped, ForeignMessages.PreCopyStopped),
        new("Sent all modified pages to destination", LogEventKind.AllPagesSent, ForeignMessages.AllSent),
        new("disconnected client from port ", LogEventKind.PortDisconnected, ForeignMessages.Quote),
        new(", lock at ", LogEventKind.LockProbed, ForeignMessages.Lock),
        new(", hb offset ", LogEventKind.LockRecord, ForeignMessages.Quote, "[type "),
        new(", owner ", LogEventKind.LockRecord, ForeignMessages.Quote, "gen "),
        new("failed to end preCopy stream: ", LogEventKind.PreCopyEndFailed, ForeignMessages.Quote),
        new("Failed: ", LogEventKind.FailureStatus, ForeignMessages.FailureStatus, "Migrate: "),
        new("Migration considered a failure by the VMX", LogEventKind.GeneralFailure, ForeignMessages.GeneralFailure),
        new("Maximum switchover time (", LogEventKind.SwitchoverTimeExceeded, ForeignMessages.SwitchoverLimit),
        new("exceeded the maximum switchover time of ", LogEventKind.SwitchoverTimeExceeded, ForeignMessages.SwitchoverLimit),
        new("vob.vmotion.stream.keepalive.read.fail", LogEventKind.KeepAliveFailed, ForeignMessages.Quote),
        new("Failed waiting for data. Error ", LogEventKind.NetworkWaitFailed, ForeignMessages.WaitFailed),

        // Hosts: the guest's own log and the control plane's.
        new("Migrate_Open: Restoring from <", LogEventKind.RestoreOpened, ForeignMessages.RestoreOpened),
        new("Migrate: VM successfully stunned", LogEventKind.Stunned, ForeignMessages.Nothing),
        new("Migrate: VM starting stun, waiting ", LogEventKind.StunBegins, ForeignMessages.StunBegins),
        new("Checkpoint_Unstun: vm stopped for ", LogEventKind.Unstunned, ForeignMessages.Microseconds),
        new("MigrateWriteHostLog: Writing to log file took ", LogEventKind.HostLogWritten, ForeignMessages.Microseconds),
        new("MigrateSetStateFinished: type=", LogEventKind.StateFinished, ForeignMessages.StateFinished),
        new("MigrateSetState: Transitioning from state ", LogEventKind.StateChanged, ForeignMessages.StateChanged),
        new("ConfigDB: Setting config.readOnly = ", LogEventKind.ConfigurationReadOnly, ForeignMessages.Quote),
        new("Migrate_SetFailureMsgList: ", LogEventKind.FailureText, ForeignMessages.Quote),
        new("Migrate: Caching migration error message list", LogEventKind.FailureText, ForeignMessages.Nothing),
        new("Migrate: Attempting to continue running on the source", LogEventKind.BackAtSource, ForeignMessages.OfSource),
        new("Migrate: Remote Log: ", LogEventKind.RemoteLog, ForeignMessages.RemoteLog),
        new("VMX has left the building: ", LogEventKind.ProcessLeft, ForeignMessages.ProcessLeft),
        new("Receiving Migrate.PrepareSource request", LogEventKind.Prepare, ForeignMessages.OfSource),
        new("MigrateVMXdrToSpec: type: ", LogEventKind.MigrationInfo, ForeignMessages.Specification),
        new("Received migrate '", LogEventKind.Request, ForeignMessages.Request),
        new("MigrateSetInfo: state=", LogEventKind.MigrationInfo, ForeignMessages.Information),
        new("ResolveCb: VMX reports needsUnregister = ", LogEventKind.UnregisterAnswer, ForeignMessages.Quote),
        new("ResolveCb: Failed with fault: ", LogEventKind.ControlFault, ForeignMessages.Quote),
        new("State Transition (VM_STATE_", LogEventKind.StateChanged, ForeignMessages.ControlState),
        new("VMotionPrepare (", LogEventKind.Prepare, ForeignMessages.ControlPrepare),

        // This program's own, beside the ones that it words as others do.
        new("Guest ", LogEventKind.Guest, OwnMessages.Guest, ": "),
        new("Phase ", LogEventKind.Phase, OwnMessages.Phase, ": "),
        new("Round ", LogEventKind.RoundDone, OwnMessages.Round, ": "),
        new("Decision after round ", LogEventKind.Decision, OwnMessages.Decision),
        new("Rehearsal ", LogEventKind.Rehearsal, OwnMessages.Rehearsal),
        new("Switchover: blackout ", LogEventKind.Blackout, OwnMessages.Blackout),
        new("Switchover: ", LogEventKind.SwitchoverStep, OwnMessages.Quote),
        new("Stopping pre-copy although the goal is not met: ", LogEventKind.PreCopyForced, OwnMessages.Quote),
        new("Verification: ", LogEventKind.Verification, OwnMessages.Verification),
        new("Finished: ", LogEventKind.Finished, OwnMessages.Outcome),
        new("Failed in phase ", LogEventKind.Failed, OwnMessages.Quote),
        new("Detected by the ", LogEventKind.Detected, OwnMessages.Quote),
        new("The supervisor handles the failure: ", LogEventKind.OwnNote, OwnMessages.Sentence("The supervisor handles the failure: ")),
        new("The guest has not resumed for ", LogEventKind.OwnNote, OwnMessages.Sentence("The guest has not resumed for ")),
        new("No ownership store: ", LogEventKind.OwnNote, OwnMessages.Sentence("No ownership store: ")),
        new("Bandwidth estimate at the failure: ", LogEventKind.EstimateAtFailure, OwnMessages.Estimate),
    ];
}
