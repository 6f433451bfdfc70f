using Microsoft.Extensions.Logging;
using PageEngine.Planning;

namespace PageEngine.Checkpoints.Writing;

// Owns: the log lines of a checkpoint that is being written.

internal static partial class SaverLog
{
    [LoggerMessage(1, LogLevel.Debug, "Checkpoint round {Round}: {Pages} pages, {Data} stored, {Zero} zero, {Equal} equal to others, {Bytes} bytes")]
    internal static partial void RoundWritten(this ILogger logger, int round, long pages, long data, long zero, long equal, long bytes);

    [LoggerMessage(2, LogLevel.Debug, "After checkpoint round {Round}: {Decision}. {Reason}")]
    internal static partial void RoundDecided(this ILogger logger, int round, DecisionKind decision, string reason);
}
