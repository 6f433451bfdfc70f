using System.Collections.Concurrent;

namespace PageEngine.Transport.Tests.Sessions;

// Owns: the exceptions that tasks of this process ended with and that nobody looked at. The process is shared with other tests:
// what they leave is seen as well, and is a finding there.

internal sealed class UnobservedExceptions : IDisposable
{
    private readonly ConcurrentQueue<string> _seen = new();

    internal UnobservedExceptions() => TaskScheduler.UnobservedTaskException += OnUnobserved;

    internal IReadOnlyCollection<string> Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return _seen;
    }

    public void Dispose() => TaskScheduler.UnobservedTaskException -= OnUnobserved;

    private void OnUnobserved(object? sender, UnobservedTaskExceptionEventArgs e) => _seen.Enqueue(e.Exception.ToString());
}
