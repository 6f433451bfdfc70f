using Microsoft.Extensions.Logging;
using Xunit;

namespace PageEngine.Qemu.Tests.Guests;

// What both monitors were told and which phases began, in the order it happened.
internal sealed class StepLog(string source, string destination) : ILogger
{
    private readonly List<string> _steps = [];

    internal IReadOnlyList<string> All
    {
        get
        {
            lock (_steps)
            {
                return [.. _steps];
            }
        }
    }

    internal void AssertOrder(params string[] steps)
    {
        IReadOnlyList<string> all = All;
        int at = -1;
        foreach (string step in steps)
        {
            int found = Enumerable.Range(at + 1, all.Count - at - 1).FirstOrDefault(i => all[i] == step, -1);
            Assert.True(found >= 0, $"'{step}' does not come after what must precede it:\n{string.Join('\n', all)}");
            at = found;
        }
    }

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        string text = formatter(state, exception);
        string? step = text.StartsWith($"QEMU {source}: ", StringComparison.Ordinal) ? "S " + text[$"QEMU {source}: ".Length..]
            : text.StartsWith($"QEMU {destination}: ", StringComparison.Ordinal) ? "D " + text[$"QEMU {destination}: ".Length..]
            : text.IndexOf(" S: Phase ", StringComparison.Ordinal) is > 0 and int phase ? text[(phase + " S: ".Length)..]
            : null;
        if (step is not null)
        {
            lock (_steps)
            {
                _steps.Add(step);
            }
        }
    }

    public bool IsEnabled(LogLevel logLevel) => true;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;
}
