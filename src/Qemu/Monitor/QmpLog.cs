using Microsoft.Extensions.Logging;

namespace PageEngine.Qemu.Monitor;

// Owns: what is noted about a monitor's use.

internal static partial class QmpLog
{
    [LoggerMessage(1, LogLevel.Debug, "QEMU {Path}: {Command}")]
    internal static partial void Command(this ILogger logger, string path, string command);
}
