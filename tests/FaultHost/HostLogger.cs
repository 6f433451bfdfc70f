using Microsoft.Extensions.Logging;

namespace PageEngine.FaultHost;

// Owns: the engine's log as lines of this process.

internal sealed class HostLogger(HostChannel channel) : ILogger
{
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        channel.Say($"log {formatter(state, exception).ReplaceLineEndings(" ")}");
}
