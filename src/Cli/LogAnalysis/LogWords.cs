using System.Globalization;
using PageEngine.Cli.Output;

namespace PageEngine.Cli.LogAnalysis;

// Owns: the words of a timeline: what a line says, in a few of them. Pure.

/// <summary>Words for recognised lines.</summary>
internal static class LogWords
{
    /// <summary>Names a side; null where it is not known.</summary>
    public static string? Side(char side) => side switch { 'S' => "source", 'D' => "destination", _ => null };

    /// <summary>Says what a line says.</summary>
    public static string Of(LogEvent e) => e.Kind switch
    {
        LogEventKind.Opening => $"begins, {Text(e.Source)} to {Text(e.Destination)}",
        LogEventKind.Prepare => "is prepared",
        LogEventKind.Request => "is asked for",
        LogEventKind.MigrationInfo => "is described",
        LogEventKind.Affinity => $"sending world {Count(e.Number)} is bound{(e.Text is null ? "" : $" to {e.Text}")}",
        LogEventKind.ReplicationStart => "replication hears of the start",
        LogEventKind.ReplicationEnd => "replication hears of the end",
        LogEventKind.StreamWorker => $"stream worker {Count(e.Number)} gets its priority",
        LogEventKind.ConnectionBound => $"a connection leaves from {Text(e.Text)}",
        LogEventKind.ConnectionAccepted => $"a connection from {Text(e.Text)} is accepted",
        LogEventKind.BufferSize => $"receive buffer of {e.Bytes?.ToString(CultureInfo.InvariantCulture) ?? "?"} bytes",
        LogEventKind.StreamAdded => $"stream {Count(e.Number)} added",
        LogEventKind.AnotherRound => $"another round, {Count(e.Pages)} pages modified",
        LogEventKind.RoundDone => $"round {Count(e.Number)} ends, {Count(e.LastPages)} pages offered, {Count(e.Pages)} written meanwhile",
        LogEventKind.PreCopyStopped => $"pre-copy stops, {Count(e.Pages)} pages left",
        LogEventKind.PreCopyForced => $"pre-copy stops although the goal is not met: {e.Text}",
        LogEventKind.AllPagesSent => "all modified pages are sent",
        LogEventKind.RestoreOpened => $"the restore is opened, from {Text(e.Source)}",
        LogEventKind.StunBegins => $"the stun begins, waits for a decision for at most {Time(e.LimitMilliseconds)}",
        LogEventKind.Stunned => "the guest is stunned",
        LogEventKind.Unstunned => $"the guest runs after a stun of {Time(e.Milliseconds)}",
        LogEventKind.StateChanged => $"state {e.Text}",
        LogEventKind.StateFinished => $"finished in state {e.Text}",
        LogEventKind.ConfigurationReadOnly => $"configuration read-only: {e.Text}",
        LogEventKind.HostLogWritten => $"the host's log took {Time(e.Milliseconds)} to write",
        LogEventKind.RemoteLog => e.Milliseconds is null ? $"the destination said: {e.Text}" : $"the destination said that it waited {Time(e.Milliseconds)}",
        LogEventKind.ProcessLeft => $"the guest's process ended with {Count(e.Number)}",
        LogEventKind.PortDisconnected => $"port {e.Text} disconnected",
        LogEventKind.LockProbed => "a lock is looked at",
        LogEventKind.LockRecord => "the lock's record",
        LogEventKind.UnregisterAnswer => $"the guest's process needs to be unregistered: {e.Text}",
        LogEventKind.FailureStatus or LogEventKind.NetworkWaitFailed => $"failed: {e.Text}{Status(e.Number)}",
        LogEventKind.FailureText => e.Text is null ? "the failure's messages are kept" : $"failure messages: {e.Text}",
        LogEventKind.GeneralFailure => "the general failure message, which names no cause",
        LogEventKind.SwitchoverTimeExceeded => $"the switchover took longer than its limit of {Time(e.LimitMilliseconds)}",
        LogEventKind.PreCopyEndFailed => $"the pre-copy stream could not be ended: {e.Text}",
        LogEventKind.ControlFault => $"the control plane has a fault: {e.Text}",
        LogEventKind.KeepAliveFailed => "a stream's sign of life could not be read",
        LogEventKind.BackAtSource => "the guest goes on at the source",
        LogEventKind.Guest => $"guest {e.Text}, {Count(e.Number)} page streams",
        LogEventKind.Phase => $"phase {e.Text}",
        LogEventKind.Decision => $"decision after round {Count(e.Number)}: {e.Text}",
        LogEventKind.Rehearsal => $"rehearsal {Count(e.Number)}",
        LogEventKind.SwitchoverStep => $"switchover: {e.Text}",
        LogEventKind.Verification => $"{Count(e.Pages)} pages compared, {Count(e.Number)} different",
        LogEventKind.Blackout => $"blackout {Time(e.Milliseconds)}",
        LogEventKind.Finished => $"finished: {e.Text}",
        LogEventKind.Failed => $"failed in phase {e.Text}",
        LogEventKind.Detected => $"detected by the {e.Text}",
        LogEventKind.EstimateAtFailure => e.MegabytesPerSecond is { } rate ? $"bandwidth estimate {Units.FormatBytesPerSecond(rate * (1 << 20))}" : "no bandwidth estimate",
        _ => e.Text ?? e.Kind.ToString(),
    };

    private static string Count(long? count) => count is { } known ? Human.Count(known) : "?";

    private static string Time(double? milliseconds) => milliseconds is { } known ? Duration(known) : "?";

    /// <summary>Prints a time of any length.</summary>
    public static string Duration(double milliseconds) => Math.Abs(milliseconds) < TimeSpan.MaxValue.TotalMilliseconds / 2
        ? Human.Milliseconds(milliseconds)
        : milliseconds.ToString("0 ms", CultureInfo.InvariantCulture);

    private static string Text(string? text) => text ?? "?";

    private static string Status(long? number) => number is { } known ? string.Create(CultureInfo.InvariantCulture, $" (0x{known:x})") : "";
}
