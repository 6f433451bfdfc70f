namespace PageEngine.Transport.Edges;

// Owns: one named thread and the knowledge when it has ended.

/// <summary>A background thread that somebody can wait for without blocking.</summary>
internal sealed class DedicatedThread
{
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Thread _thread;

    /// <param name="name">The thread's name.</param>
    /// <param name="body">What it does. Must not throw.</param>
    internal DedicatedThread(string name, Action body)
    {
        _thread = new Thread(() =>
        {
            try
            {
                body();
            }
            finally
            {
                _ended.SetResult();
            }
        })
        {
            Name = name,
            IsBackground = true,
        };
        _thread.Start();
    }

    /// <summary>Waits until the thread is gone. The thread itself may call this, but not block on it.</summary>
    internal async Task JoinAsync()
    {
        await _ended.Task.ConfigureAwait(false);
        _thread.Join();
    }
}
