using Microsoft.Extensions.Logging;

namespace PageEngine.Recovery;

// Owns: the log lines of settling an attempt, in the form of a migration's own: its id and side stand in each.

internal static partial class RecoveryLog
{
    [LoggerMessage(40, LogLevel.Information, "{Id} {Side}: Restart: {State} on {Event}")]
    internal static partial void Restarted(this ILogger logger, ulong id, char side, string state, string @event);

    [LoggerMessage(41, LogLevel.Warning, "{Id} {Side}: An operator says: {Word}")]
    internal static partial void OperatorSaid(this ILogger logger, ulong id, char side, OperatorWord word);

    [LoggerMessage(42, LogLevel.Warning, "{Id} {Side}: Settled: {Outcome}: {Text}")]
    internal static partial void Settled(this ILogger logger, ulong id, char side, RecoveryOutcome outcome, string text);

    [LoggerMessage(43, LogLevel.Warning, "{Id} {Side}: {Text}")]
    internal static partial void RecoveryNote(this ILogger logger, ulong id, char side, string text);
}
