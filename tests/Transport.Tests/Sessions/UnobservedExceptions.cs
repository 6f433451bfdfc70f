using System.Collections.Concurrent;
using Xunit;

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

    /// <summary>Fails with all of them, whole: where they were thrown is what one wants to know.</summary>
    internal void AssertNone()
    {
        IReadOnlyCollection<string> seen = Collect();
        Assert.True(seen.Count == 0, string.Join("\n\n", seen));
    }

    public void Dispose() => TaskScheduler.UnobservedTaskException -= OnUnobserved;

    private void OnUnobserved(object? sender, UnobservedTaskExceptionEventArgs e) => _seen.Enqueue(e.Exception.ToString());
}
