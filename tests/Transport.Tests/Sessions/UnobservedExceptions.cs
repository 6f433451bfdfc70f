using System.Collections.Concurrent;
using Xunit;

namespace PageEngine.Transport.Tests.Sessions;

// Owns: the exceptions that tasks of this process ended with and that nobody looked at, since it was asked. What tests before it
// left is collected first: it would be found at any later time, and blamed on whoever looks then.

internal sealed class UnobservedExceptions : IDisposable
{
    private readonly ConcurrentQueue<string> _seen = new();

    internal UnobservedExceptions()
    {
        for (int i = 0; i < 3; i++)
        {
            // What finalizers let go is garbage only for the next collection.
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        TaskScheduler.UnobservedTaskException += OnUnobserved;
    }

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
