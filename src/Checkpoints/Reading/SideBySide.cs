namespace PageEngine.Checkpoints.Reading;

// Owns: work that several threads share: each takes the next item until none is left. The first failure ends it, and is thrown by
// the caller's thread, which is one of them.

internal static class SideBySide
{
    /// <summary>Does the work and waits for its end.</summary>
    /// <param name="name">What its threads are called.</param>
    /// <param name="items">How many items there are.</param>
    /// <param name="workers">How many threads at most; 0: as many as there are processors.</param>
    /// <param name="begin">Makes what one thread needs for itself; disposed by it.</param>
    /// <param name="work">Does one item.</param>
    /// <param name="cancellationToken">Looked at between items.</param>
    internal static void Run<TState>(string name, int items, int workers, Func<TState> begin, Action<TState, int> work, CancellationToken cancellationToken)
        where TState : class, IDisposable
    {
        int next = -1;
        Exception? failure = null;
        void Work()
        {
            try
            {
                using TState state = begin();
                for (int i = Interlocked.Increment(ref next); i < items && Volatile.Read(ref failure) is null; i = Interlocked.Increment(ref next))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    work(state, i);
                }
            }
            catch (Exception e)
            {
                Interlocked.CompareExchange(ref failure, e, null);
            }
        }

        int most = workers > 0 ? workers : Math.Clamp(Environment.ProcessorCount, 1, 16);
        var threads = new Thread[Math.Max(0, Math.Min(most, items) - 1)];
        for (int i = 0; i < threads.Length; i++)
        {
            threads[i] = new Thread(Work) { Name = $"{name}-{i}", IsBackground = true };
            threads[i].Start();
        }

        Work();
        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        if (failure is not null)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
        }
    }
}
