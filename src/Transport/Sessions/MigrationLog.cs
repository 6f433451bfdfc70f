using System.Globalization;
using Microsoft.Extensions.Logging;

namespace PageEngine.Transport.Sessions;

// Owns: every log line of the sessions. One line an event; the migration's id and the side (S or D) stand in each, so
// that one search over both hosts' logs gives the whole story. The first five lines keep the wording that existing
// log readers know; "MB/s" in them means 2^20 bytes per second.

internal static partial class MigrationLog
{
    [LoggerMessage(1, LogLevel.Information, "{Id} {Side}: Migrate: vm {Vm}: Setting VMOTION info: Source ts = {Ts}, src ip = <{SourceAddress}> dest ip = <{DestinationAddress}> Dest wid = {DestinationWorld} using SHARED swap")]
    internal static partial void SettingInfo(this ILogger logger, ulong id, char side, int vm, ulong ts, string sourceAddress, string destinationAddress, int destinationWorld);

    [LoggerMessage(2, LogLevel.Information, "{Id} {Side}: Stream connection {Number} added.")]
    internal static partial void StreamAdded(this ILogger logger, ulong id, char side, int number);

    [LoggerMessage(3, LogLevel.Information, "{Id} {Side}: Another pre-copy iteration needed with {Pages} modified pages (last = {Last})")]
    internal static partial void AnotherRound(this ILogger logger, ulong id, char side, long pages, long last);

    [LoggerMessage(4, LogLevel.Information, "{Id} {Side}: Stopping pre-copy: only {Pages} pages left to send, which can be sent within the switchover time goal of {Goal} seconds (network bandwidth ~{Bandwidth} MB/s, {T2d}% t2d)")]
    internal static partial void StoppingPreCopy(this ILogger logger, ulong id, char side, long pages, string goal, string bandwidth, string t2d);

    [LoggerMessage(5, LogLevel.Information, "{Id} {Side}: Sent all modified pages to destination ({Estimate})")]
    internal static partial void SentAll(this ILogger logger, ulong id, char side, string estimate);

    [LoggerMessage(6, LogLevel.Information, "{Id} {Side}: Stopping pre-copy although the goal is not met: {Reason}")]
    internal static partial void ForcingSwitchover(this ILogger logger, ulong id, char side, string reason);

    [LoggerMessage(10, LogLevel.Information, "{Id} {Side}: Guest {Guest}, epoch {Epoch}, run {Run}, attempt {Attempt}, {Bytes} bytes of memory, {Streams} page streams, tracer {Tracer}")]
    internal static partial void Begin(this ILogger logger, ulong id, char side, Guid guest, ulong epoch, string run, string attempt, long bytes, int streams, string tracer);

    [LoggerMessage(11, LogLevel.Information, "{Id} {Side}: Phase {Phase}")]
    internal static partial void Phase(this ILogger logger, ulong id, char side, MigrationPhase phase);

    [LoggerMessage(12, LogLevel.Information, "{Id} {Side}: Round {Round}: {Dirty} pages offered, {Sent} sent, {Zero} zero, {WireBytes} bytes in {Milliseconds} ms; {Dirtied} pages written meanwhile, {T2d}% t2d")]
    internal static partial void RoundDone(this ILogger logger, ulong id, char side, int round, long dirty, long sent, long zero, long wireBytes, string milliseconds, long dirtied, string t2d);

    [LoggerMessage(13, LogLevel.Information, "{Id} {Side}: Decision after round {Round}: {Decision}: {Reason}")]
    internal static partial void Decision(this ILogger logger, ulong id, char side, int round, Planning.DecisionKind decision, string reason);

    [LoggerMessage(14, LogLevel.Information, "{Id} {Side}: Rehearsal {Number}: prepare {Prepare} ms, commit {Commit} ms, resume {Resume} ms, round trip {RoundTrip} ms")]
    internal static partial void Rehearsed(this ILogger logger, ulong id, char side, int number, string prepare, string commit, string resume, string roundTrip);

    [LoggerMessage(15, LogLevel.Information, "{Id} {Side}: Switchover: {State} on {Event}")]
    internal static partial void Transition(this ILogger logger, ulong id, char side, string state, string @event);

    [LoggerMessage(17, LogLevel.Information, "{Id} {Side}: Verification: {Pages} pages compared, {Different} different")]
    internal static partial void Verified(this ILogger logger, ulong id, char side, long pages, long different);

    [LoggerMessage(18, LogLevel.Information, "{Id} {Side}: Finished: {Outcome}")]
    internal static partial void Finished(this ILogger logger, ulong id, char side, Reporting.MigrationOutcome outcome);

    [LoggerMessage(19, LogLevel.Warning, "{Id} {Side}: No ownership store: if the connection is lost at the switchover, the guest is held until an operator decides")]
    internal static partial void NoStore(this ILogger logger, ulong id, char side);

    [LoggerMessage(20, LogLevel.Error, "{Id} {Side}: Failed in phase {Phase}, detected by {DetectedBy}: {Kind}: {Reason}")]
    internal static partial void Failed(this ILogger logger, ulong id, char side, MigrationPhase phase, DetectedBy detectedBy, MigrationErrorKind kind, string reason);

    [LoggerMessage(21, LogLevel.Warning, "{Id} {Side}: {Text}")]
    internal static partial void Note(this ILogger logger, ulong id, char side, string text);

    [LoggerMessage(22, LogLevel.Warning, "{Id} {Side}: Detected by the {DetectedBy} ({Where}): {Kind}: {Reason}")]
    internal static partial void Detected(this ILogger logger, ulong id, char side, DetectedBy detectedBy, string where, MigrationErrorKind kind, string reason);

    [LoggerMessage(23, LogLevel.Warning, "{Id} {Side}: The supervisor handles the failure: {Kind} in phase {Phase}")]
    internal static partial void HandlingBegins(this ILogger logger, ulong id, char side, MigrationErrorKind kind, MigrationPhase phase);

    [LoggerMessage(24, LogLevel.Information, "{Id} {Side}: The {Role} ended: {What}")]
    internal static partial void RoleEnded(this ILogger logger, ulong id, char side, DetectedBy role, string what);

    [LoggerMessage(27, LogLevel.Warning, "{Id} {Side}: Round {Round} has not got on for {Seconds} s although the peer is alive")]
    internal static partial void Stalled(this ILogger logger, ulong id, char side, int round, string seconds);

    [LoggerMessage(26, LogLevel.Warning, "{Id} {Side}: The guest has not resumed for {Seconds} s")]
    internal static partial void ResumeTakesLong(this ILogger logger, ulong id, char side, double seconds);

    [LoggerMessage(25, LogLevel.Information, "{Id} {Side}: Bandwidth estimate at the failure: {Estimate}")]
    internal static partial void EstimateAtFailure(this ILogger logger, ulong id, char side, string estimate);

    /// <summary>Words a bandwidth, bytes per second, as existing log readers know it.</summary>
    internal static string Estimate(double? bandwidth) => bandwidth is { } known
        ? string.Create(CultureInfo.InvariantCulture, $"network bandwidth ~{known / (1 << 20):0.000} MB/s")
        : "no network bandwidth estimate";
}
